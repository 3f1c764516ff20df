import type { Logger } from 'pino'
import { readPattern } from '../../config/topic-pattern.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import type { ConsumedTopics } from './consumed-topics.js'
import type { Group } from './group.js'
import type { GroupTopics } from './group-topics.js'
import { type AskTopics, steadyTopics } from './steady-topics.js'

/** What a broker says of a topic that is not there (any more), or not for this client. */
const GONE: readonly (string | null)[] = ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED']

export interface PatternTopicsOptions {
  readonly groups: readonly { readonly group: Group; readonly topics: GroupTopics }[]
  /** Names of all topics that may be described. */
  readonly topicNames: () => Promise<readonly string[]>
  readonly metadata: AskTopics
  /** A group consumes these topics from now on. */
  readonly onFound: (group: Group, found: readonly TopicMetadata[]) => void
  readonly log: Logger
}

/** What the expressions of a group find. */
interface Match {
  readonly group: Group
  /** The subscriptions that have other topics than before. */
  readonly changed: readonly { readonly subscription: number; readonly why: string }[]
  /** Topics that they had not found before. */
  readonly found: readonly string[]
}

/**
 * Looks which topics of a cluster the regular expressions find, and lets members join again when those are others than before. A
 * broker that has just started may not know of all: a topic that it does not name is asked for by its name before it counts as gone.
 */
export class PatternTopics {
  readonly #options: PatternTopicsOptions
  /** The expressions of each group that have looked. */
  readonly #looked = new Map<Group, readonly string[]>()

  constructor(options: PatternTopicsOptions) {
    this.#options = options
  }

  /** Before anything joins. */
  async begin(): Promise<void> {
    await this.#match()
    for (const { topics } of this.#own) {
      for (const { patterns, matched } of topics.subscriptions) {
        if (patterns.length > 0 && matched.length === 0) {
          this.#options.log.warn({ patterns }, 'no topic is found by these regular expressions yet')
        }
      }
    }
  }

  /** Looks again which topics there are. */
  async look(): Promise<void> {
    const matches = await this.#match()
    const names = [...new Set(matches.flatMap(({ found }) => found))]
    const metadata = names.length === 0 ? [] : await this.#metadataOf(names)
    for (const { group, found, changed } of matches) {
      this.#options.onFound(
        group,
        metadata.filter(({ topic }) => found.includes(topic)),
      )
      for (const { subscription, why } of changed) {
        for (const seat of group.seats) if (seat.subscription === subscription) seat.rejoin(why)
      }
    }
  }

  get #own() {
    return this.#options.groups.filter(({ topics }) => topics.hasPatterns)
  }

  /** Nobody finds these topics a second time: whose partitions cannot be seen now has none, and all that come are new. */
  async #metadataOf(topics: readonly string[]): Promise<readonly TopicMetadata[]> {
    try {
      return await this.#options.metadata(topics)
    } catch (err) {
      this.#options.log.debug({ err, topics }, 'could not see the partitions of topics that were found')
      return topics.map((topic) => ({ topic, error: null, partitions: [] }))
    }
  }

  async #match(): Promise<Match[]> {
    if (this.#own.length === 0) return []
    const there = await this.#topicsThere()
    return this.#own.map(({ group, topics }) => {
      const before = new Map(topics.subscriptions.map((each) => [each, each.matched]))
      const knownBefore = [...before.values()].flat()
      const changed = topics.match(there).map((consumed) => {
        return { subscription: consumed.subscription, why: changes(before.get(consumed) ?? [], consumed) }
      })
      const found = topics.subscriptions
        .flatMap(({ matched }) => matched)
        .filter((topic) => !knownBefore.includes(topic))
      this.#noteNew(group, topics, found)
      return { group, changed, found }
    })
  }

  /**
   * What is found now by an expression that has looked before has come meanwhile; what one finds that is new may have been there
   * all the time. To be known before anything of it is assigned.
   *
   * @param found what no look has found before
   */
  #noteNew(group: Group, topics: GroupTopics, found: readonly string[]): void {
    const looked = (this.#looked.get(group) ?? []).map(readPattern)
    this.#looked.set(
      group,
      topics.subscriptions.flatMap(({ patterns }) => patterns),
    )
    group.known.keep(topics.all)
    group.known.appeared(found.filter((topic) => looked.some((pattern) => pattern.test(topic))))
  }

  /** With those that a broker does not name, but knows. */
  async #topicsThere(): Promise<readonly string[]> {
    const { topicNames, metadata } = this.#options
    const named = await topicNames()
    const matched = new Set(this.#own.flatMap(({ topics }) => topics.subscriptions.flatMap((each) => each.matched)))
    const missing = [...matched].filter((topic) => !named.includes(topic))
    const asked = missing.length === 0 ? [] : await steadyTopics(missing, metadata)
    return [...named, ...asked.filter(({ error }) => !GONE.includes(error)).map(({ topic }) => topic)]
  }
}

const changes = (before: readonly string[], { matched }: ConsumedTopics): string => {
  const quoted = (topics: readonly string[]) => topics.map((topic) => `"${topic}"`).join(', ')
  const come = matched.filter((topic) => !before.includes(topic))
  const gone = before.filter((topic) => !matched.includes(topic))
  const words = [come.length > 0 ? `has come: ${quoted(come)}` : '', gone.length > 0 ? `has gone: ${quoted(gone)}` : '']
  return `what its regular expressions find ${words.filter((word) => word !== '').join(', ')}`
}
