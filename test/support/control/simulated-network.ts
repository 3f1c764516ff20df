import { KafkaCode } from '#src/kafka/error-codes.js'
import { type Deferred, deferred } from '#src/util/deferred.js'
import type { Dice } from './dice.js'
import { type FakeClient, kafkaError, unanswered } from './fake-client.js'
import type { SimulatedCoordinator } from './simulated-coordinator.js'

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export interface Timeouts {
  /** Of a request. */
  readonly any: number
  /** Of a commit, and of what positions are looked up with. */
  readonly commit: number
}

/** The way from clients to a simulated coordinator, on which requests and answers are late and get lost. */
export class SimulatedNetwork {
  /** Nothing goes wrong on the way. */
  kind = false
  /** Nobody answers. */
  away = false
  /** Partitions of the topic. */
  partitions: number
  /** Clients whose connection has gone silent, with what rejects when they find that out. */
  readonly #silent = new Map<FakeClient, Deferred<never>>()
  readonly #coordinator: SimulatedCoordinator
  readonly #dice: Dice

  constructor(coordinator: SimulatedCoordinator, partitions: number, dice: Dice) {
    this.#coordinator = coordinator
    this.partitions = partitions
    this.#dice = dice
  }

  calmDown(): void {
    this.kind = true
    this.away = false
    for (const client of this.#silent.keys()) this.#reconnect(client)
  }

  /** The connection of a client goes silent: no request is answered until one has timed out, which ends it. */
  silence(client: FakeClient): void {
    if (!this.#silent.has(client)) this.#silent.set(client, deferred())
  }

  #reconnect(client: FakeClient): void {
    this.#silent.get(client)?.reject(unanswered())
    this.#silent.delete(client)
  }

  /** Gives a client its answers. */
  answers(client: FakeClient, timeouts: Timeouts): FakeClient {
    const coordinator = this.#coordinator
    const ask = this.#asking(client)
    client.findCoordinator = () => ask(timeouts.any, () => 1)
    client.joinGroup = (_node, request) => ask(timeouts.any, () => coordinator.join(request))
    client.syncGroup = (_node, member, all) => ask(timeouts.any, () => coordinator.sync(member, all))
    client.heartbeat = (_node, member) => ask(timeouts.any, () => coordinator.heartbeat(member))
    client.leaveGroup = (_node, member) => ask(timeouts.any, () => coordinator.leave(member))
    client.describeGroup = () => ask(timeouts.any, () => coordinator.describe())
    client.commitOffsets = (_node, member, offsets) => ask(timeouts.commit, () => coordinator.commit(member, offsets))
    client.topics = (names) => ask(timeouts.any, () => this.topics(names))
    client.committedOffsets = (_node, _group, partitions) =>
      ask(timeouts.commit, () =>
        partitions.map(({ topic, partition }) => {
          const offset = coordinator.committed.get(partition) ?? -1n
          return { topic, partition, offset }
        }),
      )
    client.listOffsets = (partitions, at) =>
      ask(timeouts.commit, () =>
        partitions.map(({ topic, partition }) => {
          const offset = at === 'earliest' ? 0n : coordinator.doneOf(partition) + 5n
          return { topic, partition, offset }
        }),
      )
    return client
  }

  topics(names: readonly string[]) {
    const partitions = Array.from({ length: this.partitions }, (_, partition) => ({ partition, leader: 1 }))
    return names.map((topic) => ({ topic, error: null, partitions }))
  }

  #asking(client: FakeClient) {
    const closing = deferred<never>()
    const close = client.close.bind(client)
    client.close = () => {
      close()
      closing.reject(unanswered())
    }
    return async <T>(timeoutMs: number, handle: () => T | Promise<T>): Promise<T> => {
      if (client.closed) throw unanswered()
      const ended = this.#silent.get(client)
      if (ended !== undefined) {
        await Promise.race([pause(timeoutMs), ended.promise, closing.promise])
        this.#reconnect(client)
        throw unanswered()
      }
      await Promise.race([this.#way(), closing.promise])
      if (!this.kind && this.#dice.chance(0.01)) throw kafkaError(KafkaCode.notCoordinator)
      const answer = await Promise.race([Promise.resolve(handle()), closing.promise])
      await Promise.race([this.#way(), closing.promise])
      return answer
    }
  }

  async #way(): Promise<void> {
    const { kind } = this
    const dice = this.#dice
    const ms = kind || dice.chance(0.5) ? dice.below(5) : dice.below(dice.chance(0.05) ? 3_000 : 30)
    if (ms > 0) await pause(ms)
    if (this.away || (!kind && dice.chance(0.01))) throw unanswered()
  }
}
