import type { Logger } from 'pino'
import type { TopicMetadata } from '../kafka/face.js'
import type { Group } from './group.js'

/** How many heartbeats a pool that does not lead gives the group's leader to notice new partitions itself. */
const LEADER_HEADSTART_BEATS = 4

export interface TopicWatchOptions {
  readonly topics: readonly string[]
  readonly groupsOf: (topic: string) => readonly Group[]
  readonly metadata: (names: readonly string[]) => Promise<readonly TopicMetadata[]>
  readonly intervalMs: number
  readonly heartbeatMs: number
  readonly log: Logger
}

/**
 * Notices that a topic has got more partitions and makes its groups rebalance. A static member that was restarted does
 * not know that it leads (JoinGroup before v9, KIP-814), so "the leader looks" is not enough: whoever is in the group
 * looks, and whoever does not lead waits a little for the leader and then forces it.
 */
export class TopicWatch {
  readonly #options: TopicWatchOptions
  readonly #counts = new Map<string, number>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(options: TopicWatchOptions, known: readonly TopicMetadata[]) {
    this.#options = options
    for (const { topic, partitions } of known) this.#counts.set(topic, partitions.length)
    this.#after(options.intervalMs, () => this.#look())
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  async #look(): Promise<void> {
    const { topics, metadata, intervalMs, log } = this.#options
    try {
      const grown = (await metadata(topics)).filter((found) => this.#hasGrown(found)).map(({ topic }) => topic)
      const groups = new Set(grown.flatMap((topic) => this.#options.groupsOf(topic)))
      for (const group of groups) this.#rebalance(group, grown)
    } catch (error) {
      log.debug({ err: error }, 'could not refresh the metadata of the subscribed topics')
    }
    this.#after(intervalMs, () => this.#look())
  }

  #hasGrown({ topic, error, partitions }: TopicMetadata): boolean {
    if (error === 'UNKNOWN_TOPIC_OR_PARTITION') this.#counts.set(topic, 0) // deleted: all that comes back is new
    if (error !== null) return false
    const before = this.#counts.get(topic) ?? 0
    this.#counts.set(topic, partitions.length)
    return partitions.length > before
  }

  #rebalance(group: Group, grown: readonly string[]): void {
    const why = `more partitions in ${grown.join(', ')}`
    const leader = group.seats.find((seat) => seat.isLeader)
    if (leader !== undefined) {
      leader.rejoin(why)
      return
    }
    const { generation } = group
    this.#after(LEADER_HEADSTART_BEATS * this.#options.heartbeatMs, () => {
      if (group.generation === generation) group.seats.find((seat) => seat.state === 'stable')?.rejoin(why)
    })
  }

  #after(ms: number, action: () => unknown): void {
    if (this.#closed) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void action()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }
}
