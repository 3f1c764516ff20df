import type { Logger } from 'pino'
import type { KafkaConfig, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { ControlClient, WritingClient } from '../kafka/client.js'
import { groupBy } from '../util/group-by.js'
import { Cluster } from './cluster.js'
import { deadLetterWarnings } from './dead-letters/topic-warnings.js'
import type { Groups } from './groups.js'
import { checkTopics } from './membership/topic-check.js'
import { surplusWarning } from './surplus-slots.js'

/** One for all of them, with the fixed partitions of all. */
const asOne = (slots: readonly SlotConfig[]): SlotConfig[] => {
  const [first] = slots
  if (first === undefined) return []
  return [{ ...first, fixed: first.fixed && slots.flatMap(({ fixed }) => fixed ?? []) }]
}

/** Two ways to reach the same cluster are two clients: one may be let in where the other is not. */
const wayTo = (kafka: KafkaConfig): string => JSON.stringify(kafka)

export interface ClustersOptions {
  readonly slots: readonly SlotConfig[]
  readonly groups: Groups
  /** The client of all slots that reach a cluster in the same way. */
  readonly createClient: (kafka: KafkaConfig) => ControlClient
  /** The client that writes their dead letters, made when the first one comes. */
  readonly createWriter: (kafka: KafkaConfig) => WritingClient
  readonly log: Logger
}

/** The clusters that a pool reaches: one for each way to reach one. */
export class Clusters {
  readonly #options: ClustersOptions
  readonly #found = new Map<string, Cluster>()
  readonly #slots: SlotConfig[]

  constructor(options: ClustersOptions) {
    this.#options = options
    this.#slots = [...options.slots]
  }

  of({ kafka }: Pick<SlotConfig, 'kafka'>): Cluster {
    const way = wayTo(kafka)
    const known = this.#found.get(way)
    if (known !== undefined) return known
    const { groups, createClient, createWriter, log } = this.#options
    const own = this.#slots.filter((slot) => wayTo(slot.kafka) === way)
    const client = createClient(kafka)
    const cluster = new Cluster({ slots: own, groups, client, createWriter: () => createWriter(kafka), log })
    this.#found.set(way, cluster)
    return cluster
  }

  /** Rejects when one of them cannot be reached. */
  async connect(): Promise<void> {
    await Promise.all(this.#options.slots.map((slot) => this.of(slot).client.connect()))
  }

  /**
   * What must be so before anything joins: static membership is understood, the topics are there.
   *
   * @throws {@link PoolError} that says what is not so
   */
  async check(): Promise<void> {
    const { log } = this.#options
    for (const config of this.#options.slots) this.#refuseOldBroker(config)
    await Promise.all([...new Set(this.#options.slots.map((slot) => this.of(slot)))].map((way) => way.findTopics()))
    const slots = this.#consuming(this.#options.slots)
    // A slot may have a way of its own, and what is found on another one is not known there.
    const asked = groupBy(slots, (slot) => `${slot.subscription} ${wayTo(slot.kafka)}`)
    const found = await checkTopics([...asked.values()].flatMap(asOne), (kafka, names) =>
      this.of({ kafka }).topicsAtStart(names),
    )
    const surplus = surplusWarning(slots, found)
    if (surplus !== null) log.warn(surplus)
    const ask = (kafka: KafkaConfig, names: readonly string[]) => this.of({ kafka }).client.topics(names)
    for (const warning of await deadLetterWarnings(slots, found, ask)) log.warn(warning)
  }

  /**
   * Slots that come while the pool runs: their clusters are reached, and nothing speaks against them.
   *
   * @throws {@link PoolError} that says what does
   */
  async admit(coming: readonly SlotConfig[]): Promise<void> {
    const fresh = coming.filter(({ kafka }) => !this.#found.has(wayTo(kafka)))
    // One may be the first of its subscription in its group: nobody has looked there yet what its regular expressions find.
    await Promise.all([...this.#found.values()].map((way) => way.matchAgain()))
    this.#slots.push(...coming.filter((slot) => !this.#slots.includes(slot)))
    try {
      await Promise.all(coming.map((slot) => this.of(slot).client.connect()))
      for (const config of coming) this.#refuseOldBroker(config)
      // What was found on a way that was known before stays what the pool has found there.
      await checkTopics(this.#consuming(fresh), (kafka, names) => this.of({ kafka }).topicsAtStart(names))
    } catch (error) {
      for (const { kafka } of fresh) {
        this.#found.get(wayTo(kafka))?.close()
        this.#found.delete(wayTo(kafka))
      }
      throw error
    }
  }

  /** Says which of these slots never get a partition. */
  async warnOfSurplus(slots: readonly SlotConfig[]): Promise<void> {
    const consuming = this.#consuming(slots)
    const asked = new Map(consuming.map((slot) => [slot.subscription, slot]))
    const found = await Promise.all([...asked.values()].map((slot) => this.of(slot).topics(slot.topics)))
    const surplus = surplusWarning(consuming, found.flat())
    if (surplus !== null) this.#options.log.warn(surplus)
  }

  /** Makes no group rebalance any more. */
  stopWatching(): void {
    for (const cluster of this.#found.values()) cluster.stopWatching()
  }

  close(): void {
    for (const cluster of this.#found.values()) cluster.close()
  }

  /** With what they consume now, and what regular expressions have found of it. */
  #consuming(slots: readonly SlotConfig[]): SlotConfig[] {
    return slots.map((slot) => ({ ...slot, topics: this.#options.groups.of(slot).consumed.all }))
  }

  #refuseOldBroker(config: SlotConfig): void {
    const { groupId, groupInstanceId } = config.consumer
    if (groupInstanceId === null || this.of(config).client.supportsStaticMembership) return
    throw new PoolError(
      ErrorCode.brokerTooOld,
      `group.instance.id "${groupInstanceId}" is set, but the broker is too old for static membership. Use Kafka 2.3 or newer, or remove group.instance.id`,
      { slot: config.slot, groupId },
    )
  }
}
