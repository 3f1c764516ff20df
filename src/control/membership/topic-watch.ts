import type { Logger } from 'pino'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { doubled } from '../../util/backoff.js'
import { after } from '../../util/timers.js'
import type { Group } from './group.js'
import { changedTopics } from './group-leader.js'
import { KnownPartitions } from './known-partitions.js'
import { type AskTopics, steadyTopics } from './steady-topics.js'

/** How many heartbeats a pool that does not lead gives the group's leader to notice new partitions itself. */
const LEADER_HEADSTART_BEATS = 4
/** How soon a topic in error is looked at again; after twice as long each time that it still is. */
const SOON_MS = 1_000

export interface TopicWatchOptions {
  /** The pool's groups on this cluster, with the topics that its seats subscribe to. */
  readonly groups: readonly { readonly group: Group; readonly topics: ReadonlySet<string> }[]
  readonly metadata: AskTopics
  readonly intervalMs: number
  readonly heartbeatMs: number
  readonly log: Logger
}

/**
 * Makes a group rebalance when its topics have other partitions than its assignment was made for. A seat that leads
 * knows what it has assigned, to whom it may be. A static member that was restarted does not know that it leads
 * (JoinGroup before v9, KIP-814), so "the leader looks" is not enough: whoever is in the group looks whether the topics
 * grow, and whoever does not lead waits a little for the leader and then forces it.
 */
export class TopicWatch {
  readonly known = new KnownPartitions()
  readonly #options: TopicWatchOptions
  /** As last seen. */
  readonly #counts = new Map<string, number>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #nextLook: NodeJS.Timeout | undefined
  /** Looks in a row after which something was still in error. */
  #inVain = 0
  #closed = false

  constructor(options: TopicWatchOptions) {
    this.#options = options
  }

  /** What is there when the pool starts. From now on it is looked at again and again. */
  begin(found: readonly TopicMetadata[]): void {
    this.#lookAfter(this.#options.intervalMs)
    this.known.begin(found)
    for (const { topic, partitions } of found) this.#counts.set(topic, partitions.length)
  }

  /** Fresh metadata for whoever assigns. Topics that are in error are looked at again soon. */
  async metadata(names: readonly string[]): Promise<readonly TopicMetadata[]> {
    const found = await this.#options.metadata(names)
    this.known.look(found)
    if (found.some(({ error }) => error !== null)) {
      this.#inVain = 0
      this.#lookAfter(SOON_MS)
    }
    return found
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#nextLook)
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  async #look(): Promise<void> {
    const { groups, metadata, intervalMs, log } = this.#options
    const assigned = groups.flatMap(({ group }) => [...(leaderOf(group)?.assignedFrom?.keys() ?? [])])
    const names = [...new Set([...groups.flatMap(({ topics }) => [...topics]), ...assigned])]
    let isWell = false
    this.#nextLook = undefined
    try {
      const found = await steadyTopics(names, metadata)
      if (this.#closed) return
      this.known.look(found)
      const grown = found.filter((topic) => this.#hasGrown(topic)).map(({ topic }) => topic)
      const compared = groups.map(({ group, topics }) => this.#compare(group, topics, found, grown))
      isWell = found.every(({ error }) => error === null) && compared.every(Boolean)
    } catch (error) {
      log.debug({ err: error }, 'could not refresh the metadata of the subscribed topics')
    }
    this.#inVain = isWell ? 0 : this.#inVain + 1
    if (this.#nextLook !== undefined) return // somebody has met an error meanwhile
    this.#lookAfter(isWell ? intervalMs : doubled(SOON_MS, Math.min(this.#inVain, 10), intervalMs))
  }

  #hasGrown({ topic, error, partitions }: TopicMetadata): boolean {
    if (error === 'UNKNOWN_TOPIC_OR_PARTITION') this.#counts.set(topic, 0) // deleted: all that comes back is new
    if (error !== null) return false
    const before = this.#counts.get(topic) ?? 0
    this.#counts.set(topic, partitions.length)
    return partitions.length > before
  }

  /** @returns false while the leader is in a rebalance, and what it is about to assign cannot be known */
  #compare(
    group: Group,
    topics: ReadonlySet<string>,
    found: readonly TopicMetadata[],
    grown: readonly string[],
  ): boolean {
    const leader = leaderOf(group)
    if (leader?.assignedFrom) {
      const changed = leader.state === 'stable' ? changedTopics(leader.assignedFrom, found) : []
      if (changed.length > 0) leader.rejoin(`the number of partitions has changed: ${changed.join(', ')}`)
      return leader.state === 'stable'
    }
    const ours = grown.filter((topic) => topics.has(topic))
    if (ours.length > 0) this.#forceLater(group, ours)
    return true
  }

  #forceLater(group: Group, topics: readonly string[]): void {
    const { generation } = group
    this.#after(LEADER_HEADSTART_BEATS * this.#options.heartbeatMs, () => {
      if (group.generation !== generation) return
      group.seats.find((seat) => seat.state === 'stable')?.rejoin(`more partitions in ${topics.join(', ')}`)
    })
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#nextLook)
    if (!this.#closed) this.#nextLook = after(() => this.#look(), ms).unref()
  }

  #after(ms: number, action: () => void): void {
    if (this.#closed) return
    const timer = after(() => {
      this.#timers.delete(timer)
      action()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }
}

const leaderOf = ({ seats }: Group) => seats.find(({ isLeader }) => isLeader)
