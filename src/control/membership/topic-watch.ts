import type { Logger } from 'pino'
import type { GroupDescription } from '../../kafka/group.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { doubled } from '../../util/backoff.js'
import { after } from '../../util/timers.js'
import type { Group } from './group.js'
import { changedTopics } from './group-leader.js'
import { type AskTopics, steadyTopics } from './steady-topics.js'
import { withoutOwner } from './without-owner.js'

/** How many heartbeats a pool that does not lead gives the group's leader to notice new partitions itself. */
const LEADER_HEADSTART_BEATS = 4
/** States of a group in which nobody can say who owns what. */
const REBALANCING = ['PreparingRebalance', 'CompletingRebalance']
/** How soon a topic in error is looked at again; after twice as long each time that it still is. */
const SOON_MS = 1_000

/** A topic that has more partitions than when it was last seen. */
interface Growth {
  readonly metadata: TopicMetadata
  /** It was deleted, and somebody has made it again. */
  readonly isBack: boolean
}

export interface TopicWatchOptions {
  /** The pool's groups on this cluster, with the topics that its seats subscribe to. */
  readonly groups: readonly { readonly group: Group; readonly topics: ReadonlySet<string> }[]
  readonly metadata: AskTopics
  /** Looks which topics there are, where that decides what is consumed. @default nothing does */
  readonly refresh?: () => Promise<void>
  readonly describe: (group: Group) => Promise<GroupDescription>
  readonly intervalMs: number
  readonly heartbeatMs: number
  readonly log: Logger
}

/**
 * Makes a group rebalance when its topics have other partitions than its assignment was made for. A seat that leads
 * knows what it has assigned, to whom it may be. A static member that was restarted does not know that it leads
 * (JoinGroup before v9, KIP-814), so "the leader looks" is not enough: whoever is in the group looks whether the topics
 * grow, and whoever does not lead waits a little for the leader, asks whether somebody owns what has come (each pool looks
 * in its own time, and the leader may have looked long before), and then forces it.
 */
export class TopicWatch {
  readonly #options: TopicWatchOptions
  /** How many partitions the topics of each group had when it last looked. */
  readonly #counts = new Map<Group, Map<string, number>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #nextLook: NodeJS.Timeout | undefined
  /** Looks in a row after which something was still in error. */
  #inVain = 0
  #closed = false

  constructor(options: TopicWatchOptions) {
    this.#options = options
  }

  /**
   * What is there when the pool starts. From now on it is looked at again and again. What a broker does not know yet is asked
   * for again, and is not new when it does.
   */
  begin(found: readonly TopicMetadata[]): void {
    this.#lookAfter(this.#options.intervalMs)
    for (const { group, topics } of this.#options.groups) {
      this.add(
        group,
        found.filter(({ topic, error }) => error === null && topics.has(topic)),
      )
    }
  }

  /** Topics that a group consumes from now on, as they are now. */
  add(group: Group, found: readonly TopicMetadata[]): void {
    group.known.begin(found)
    const counts = this.#countsOf(group)
    for (const { topic, partitions } of found) counts.set(topic, partitions.length)
  }

  /** Fresh metadata for whoever assigns. Topics that are in error are looked at again soon. */
  async metadata(names: readonly string[]): Promise<readonly TopicMetadata[]> {
    const found = await this.#options.metadata(names)
    this.#noteGone(found)
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
    const { groups, metadata, refresh, intervalMs, log } = this.#options
    let isWell = false
    this.#nextLook = undefined
    try {
      await refresh?.()
      if (this.#closed) return
      const assigned = groups.flatMap(({ group }) => [...(leaderOf(group)?.assignedFrom?.keys() ?? [])])
      const names = [...new Set([...groups.flatMap(({ topics }) => [...topics]), ...assigned])]
      const found = await steadyTopics(names, metadata)
      if (this.#closed) return
      this.#noteGone(found)
      const compared = groups.map(({ group, topics }) => {
        const ours = found.filter(({ topic }) => topics.has(topic)).map((topic) => this.#growthOf(group, topic))
        return this.#compare(
          group,
          found,
          ours.filter((growth) => growth !== null),
        )
      })
      isWell = found.every(({ error }) => error === null) && compared.every(Boolean)
    } catch (error) {
      log.debug({ err: error }, 'could not refresh the metadata of the subscribed topics')
    }
    this.#inVain = isWell ? 0 : this.#inVain + 1
    if (this.#nextLook !== undefined) return // somebody has met an error meanwhile
    this.#lookAfter(isWell ? intervalMs : doubled(SOON_MS, Math.min(this.#inVain, 10), intervalMs))
  }

  #noteGone(found: readonly TopicMetadata[]): void {
    for (const { group } of this.#options.groups) group.known.look(found)
  }

  #countsOf(group: Group): Map<string, number> {
    const counts = this.#counts.get(group) ?? new Map<string, number>()
    this.#counts.set(group, counts)
    return counts
  }

  #growthOf(group: Group, metadata: TopicMetadata): Growth | null {
    const { topic, error, partitions } = metadata
    const counts = this.#countsOf(group)
    if (error === 'UNKNOWN_TOPIC_OR_PARTITION') counts.set(topic, 0) // deleted: all that comes back is new
    if (error !== null) return null
    const before = counts.get(topic) ?? 0
    counts.set(topic, partitions.length)
    return partitions.length > before ? { metadata, isBack: before === 0 } : null
  }

  /** @returns false while the leader is in a rebalance, and what it is about to assign cannot be known */
  #compare(group: Group, found: readonly TopicMetadata[], grown: readonly Growth[]): boolean {
    group.tellTopics(found)
    const leader = leaderOf(group)
    if (leader?.assignedFrom) {
      const changed = leader.state === 'stable' ? changedTopics(leader.assignedFrom, found) : []
      if (changed.length > 0) leader.rejoin(`the number of partitions has changed: ${changed.join(', ')}`)
      return leader.state === 'stable'
    }
    if (grown.length > 0) this.#forceLater(group, grown)
    return true
  }

  #forceLater(group: Group, grown: readonly Growth[], generation = group.generation): void {
    this.#after(LEADER_HEADSTART_BEATS * this.#options.heartbeatMs, async () => {
      const isOver = () => this.#closed || group.generation !== generation
      if (isOver()) return
      const missing = await this.#withoutOwner(group, grown)
      if (isOver()) return
      if (missing === null) this.#forceLater(group, grown, generation)
      else if (missing.length > 0)
        group.seats.find((seat) => seat.state === 'stable')?.rejoin(`more partitions in ${missing.join(', ')}`)
    })
  }

  /** Of the topics that have grown; null while the group rebalances. Where nobody can say, all of them. */
  async #withoutOwner(group: Group, grown: readonly Growth[]): Promise<string[] | null> {
    const { describe, log } = this.#options
    // The owners of one that is back had one of the same name.
    const back = grown.filter(({ isBack }) => isBack).map(({ metadata }) => metadata.topic)
    const topics = grown.map(({ metadata }) => metadata)
    try {
      const description = await describe(group)
      if (REBALANCING.includes(description.state)) return null
      return [...new Set([...back, ...withoutOwner(description, topics)])]
    } catch (error) {
      log.debug({ err: error, groupId: group.groupId }, 'could not see who owns the partitions that have come')
      return topics.map(({ topic }) => topic)
    }
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#nextLook)
    if (!this.#closed) this.#nextLook = after(() => this.#look(), ms).unref()
  }

  #after(ms: number, action: () => Promise<void>): void {
    if (this.#closed) return
    const timer = after(() => {
      this.#timers.delete(timer)
      void action()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }
}

const leaderOf = ({ seats }: Group) => seats.find(({ isLeader }) => isLeader)
