import type { Logger } from 'pino'
import { shown } from '../../config/issues.js'
import { isTopicName, TOPIC_NAME } from '../../config/rules/topics.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { monotonicMs } from '../../util/clock.js'
import { OnHold } from './on-hold.js'
import { type ReadTarget, readTarget, type SeekTarget } from './seek-target.js'
import { notHeld, stopped } from './seeking.js'

/** Kafka's protocol has 32 bits for one. */
const MAX_PARTITION = 2 ** 31 - 1

/** A slot, as far as it is steered. */
export interface Steerable {
  /** What it holds now. */
  readonly held: readonly TopicPartition[]
  /** These were just paused. Resolves when no handler of theirs is in flight. */
  pause(topic: string, partitions: readonly number[] | null): Promise<void>
  /** What is paused has changed. */
  obey(): Promise<void>
  /** One that stands still is tried again soon. @returns whether it is held there and stands still */
  resume(partition: TopicPartition): boolean
  /** It goes on elsewhere. Resolves with the offset when that is committed. */
  seek(partition: TopicPartition, target: ReadTarget): Promise<bigint>
}

export interface SteeringOptions {
  readonly slots: () => readonly Steerable[]
  /** Whether anybody consumes that topic. */
  readonly isSubscribed: (topic: string) => boolean
  /** The pool is stopped, or being stopped. */
  readonly isStopping: () => boolean
  readonly log: Logger
}

/** One partition, several, or (absent) all of a topic. */
export type PartitionChoice = number | readonly number[] | undefined

/** What users say to the whole pool about what is consumed, and where. */
export class Steering {
  readonly onHold = new OnHold()
  readonly #options: SteeringOptions

  constructor(options: SteeringOptions) {
    this.#options = options
  }

  async pause(topic: string, choice: PartitionChoice): Promise<void> {
    topicName(topic)
    const partitions = chosen(choice)
    this.#refuseUnknown(topic)
    this.onHold.pause(topic, partitions, monotonicMs())
    this.#options.log.info({ topic, ...(partitions && { partitions }) }, 'paused by pool.pause()')
    await Promise.all(this.#options.slots().map((slot) => slot.pause(topic, partitions)))
  }

  resume(topic: string, choice: PartitionChoice): boolean {
    topicName(topic)
    const partitions = chosen(choice)
    const standing = this.#options.slots().flatMap((slot) =>
      slot.held
        .filter((held) => held.topic === topic && (partitions === null || partitions.includes(held.partition)))
        .filter((held) => this.onHold.since(held) === null)
        .map((held) => ({ slot, held })),
    )
    const wasOnHold = this.onHold.resume(topic, partitions)
    if (wasOnHold) this.#options.log.info({ topic, ...(partitions && { partitions }) }, 'resumed by pool.resume()')
    for (const slot of this.#options.slots()) void slot.obey()
    return standing.map(({ slot, held }) => slot.resume(held)).includes(true) || wasOnHold
  }

  async seek(topic: string, partition: number, to: SeekTarget): Promise<string> {
    topicName(topic)
    const target = readTarget(to)
    partitionNumber(partition)
    this.#refuseUnknown(topic)
    const isHeld = (held: TopicPartition) => held.topic === topic && held.partition === partition
    const holders = this.#options.slots().filter(({ held }) => held.some(isHeld))
    const offsets = await Promise.all(holders.map((slot) => slot.seek({ topic, partition }, target)))
    if (offsets[0] === undefined) {
      const gone = this.#options.isStopping() ? stopped : notHeld
      throw gone({ topic, partition })
    }
    return String(offsets[0])
  }

  /** Says once of each pause that it lasts, and forgets those of topics that were unsubscribed. Call it about once a second. */
  look(nowMs: number): void {
    const { slots, isSubscribed } = this.#options
    // What is unsubscribed is held until the group has heard of it, and nothing of it shall begin before.
    const isHeld = (topic: string) => slots().some(({ held }) => held.some((each) => each.topic === topic))
    this.onHold.keep((topic) => isSubscribed(topic) || isHeld(topic))
    for (const { topic, partitions } of this.onHold.becameLong(nowMs)) {
      if (!isSubscribed(topic)) continue // it is about to go
      const what = 'paused by pool.pause() for minutes: nothing of it is handled until pool.resume()'
      this.#options.log.warn({ topic, ...(partitions && { partitions }) }, what)
    }
  }

  #refuseUnknown(topic: string): void {
    if (this.#options.isSubscribed(topic)) return
    const message = `no subscription of this pool has the topic "${topic}". Look how it is spelt`
    throw new PoolError(ErrorCode.notSubscribed, message, { topic })
  }
}

/** A regular expression may find what no broker would ever have. */
const topicName = (value: unknown): void => {
  if (typeof value === 'string' && isTopicName(value)) return
  throw new TypeError(`topic: expected ${TOPIC_NAME}, got ${shown(value)}. Look how it is spelt`)
}

const chosen = (choice: unknown): readonly number[] | null => {
  if (choice === undefined) return null
  const partitions: readonly unknown[] = Array.isArray(choice) ? choice : [choice]
  return partitions.map(partitionNumber)
}

const partitionNumber = (value: unknown): number => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_PARTITION) return value
  throw new TypeError(`expected the number of a partition, from 0, got ${shown(value)}`)
}
