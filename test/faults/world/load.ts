import { setTimeout as sleep } from 'node:timers/promises'
import type { Producer } from 'kafkajs'
import { type Deferred, deferred } from '#src/util/deferred.js'

/** A message that the broker has confirmed. */
export interface Acknowledged {
  readonly partition: number
  readonly offset: number
  /** The number that the message carries. */
  readonly number: number
  /** What it asks the handler for that somebody has wished; null for plain work. */
  readonly deed: string | null
}

interface Wish {
  readonly deed: string
  readonly done: Deferred<Acknowledged>
}

const EVERY_MS = 60
/**
 * How many messages may wait before there are more. Enough to see whether something moves; what is to be handled after a
 * fault shall not depend on how long that took, nor on how slow the machine is.
 */
const MOST_WAITING = 240
/** What messages ask of the handler: mostly a little work, sometimes an asynchronous one, and now and then a long one. */
const workOf = (number: number): string => {
  if (number % 101 === 0) return 'block:150'
  return number % 5 === 0 ? 'sleep:5' : 'block:2'
}

/** Produces to all partitions, steadily, one message each in turn, and knows what was acknowledged. */
export class Load {
  readonly acknowledged: Acknowledged[] = []
  readonly #producer: Producer
  readonly #topic: string
  readonly #partitions: number
  readonly #wishes: Wish[][]
  readonly #highs: number[]
  readonly #finished: number[]
  #number = 0
  #failures = 0
  #isStopped = false
  #running: Promise<void> | undefined

  constructor(producer: Producer, topic: string, partitions: number) {
    this.#producer = producer
    this.#topic = topic
    this.#partitions = partitions
    this.#wishes = Array.from({ length: partitions }, () => [])
    this.#highs = Array.from({ length: partitions }, () => 0)
    this.#finished = Array.from({ length: partitions }, () => 0)
  }

  /** For each partition the offset behind the last message that was acknowledged. */
  get highs(): readonly number[] {
    return [...this.#highs]
  }

  /** True when no more messages come. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Requests that failed; what they held may be in the topic or not. */
  get failures(): number {
    return this.#failures
  }

  /** A pool says how far it is. */
  finished(partition: number, upTo: number): void {
    this.#finished[partition] = Math.max(this.#finished[partition] ?? 0, upTo)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Has a partition's next message ask the handler for something; resolves when it is acknowledged. */
  order(partition: number, deed: string): Promise<Acknowledged> {
    const done = deferred<Acknowledged>()
    this.#wishes[partition]?.push({ deed, done })
    return done.promise
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await sleep(EVERY_MS)
      const waiting = this.#highs.reduce((sum, high, partition) => sum + high - (this.#finished[partition] ?? 0), 0)
      const round = new Map<
        number,
        { readonly number: number; readonly wish: Wish | undefined; readonly value: string }
      >()
      for (let partition = 0; partition < this.#partitions; partition++) {
        const wish = this.#wishes[partition]?.[0]
        if (wish === undefined && waiting > MOST_WAITING) continue
        const number = ++this.#number
        round.set(partition, { number, wish, value: `${wish?.deed ?? workOf(number)} ${number}` })
      }
      if (round.size === 0) continue
      try {
        const messages = [...round].map(([partition, { value }]) => ({ partition, value }))
        const written = await this.#producer.send({ topic: this.#topic, acks: -1, messages })
        for (const { partition, baseOffset } of written) {
          const sent = round.get(partition)
          if (sent === undefined || baseOffset === undefined) continue
          const message = { partition, offset: Number(baseOffset), number: sent.number, deed: sent.wish?.deed ?? null }
          this.acknowledged.push(message)
          this.#highs[partition] = Math.max(this.#highs[partition] ?? 0, message.offset + 1)
          if (sent.wish === undefined) continue
          this.#wishes[partition]?.shift()
          sent.wish.done.resolve(message)
        }
      } catch {
        this.#failures += 1
      }
    }
  }
}
