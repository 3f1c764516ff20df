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
  /** Topics are consumed, and none of them is new. */
  readonly onFound: (found: readonly TopicMetadata[]) => void
  /** Topics have come since the pool began, and are consumed from now on. */
  readonly onAppeared: (found: readonly TopicMetadata[]) => void
  readonly log: Logger
}

/**
 * Looks which topics of a cluster the regular expressions find, and lets members join again when those are others than before. A
 * broker that has just started may not know of all: a topic that it does not name is asked for by its name before it counts as gone.
 */
export class PatternTopics {
  readonly #options: PatternTopicsOptions
  /** The expressions that have looked. */
  #looked: ReadonlySet<string> = new Set()

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

  /**
   * Looks again which topics there are. What is found by an expression that has looked before has come meanwhile; what one finds
   * that is new may have been there all the time.
   */
  async look(): Promise<void> {
    const { onFound, onAppeared } = this.#options
    const { changed, found } = await this.#match()
    const metadata = found.length === 0 ? [] : await this.#metadataOf(found.map(({ topic }) => topic))
    const hasCome = new Map(found.map((each) => [each.topic, each.hasCome]))
    onAppeared(metadata.filter(({ topic }) => hasCome.get(topic) === true))
    onFound(metadata.filter(({ topic }) => hasCome.get(topic) === false))
    for (const { group, subscription, why } of changed) {
      for (const seat of group.seats) if (seat.subscription === subscription.subscription) seat.rejoin(why)
    }
  }

  get #own() {
    return this.#options.groups.filter(({ topics }) => topics.hasPatterns)
  }

  get #matched(): ReadonlySet<string> {
    return new Set(this.#own.flatMap(({ topics }) => topics.subscriptions.flatMap(({ matched }) => matched)))
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

  async #match() {
    const { topicNames, metadata } = this.#options
    if (this.#own.length === 0) return { changed: [], found: [] }
    const named = await topicNames()
    const missing = [...this.#matched].filter((topic) => !named.includes(topic))
    const asked = missing.length === 0 ? [] : await steadyTopics(missing, metadata)
    const there = [...named, ...asked.filter(({ error }) => !GONE.includes(error)).map(({ topic }) => topic)]
    const matchedBefore = this.#matched
    const changed = this.#own.flatMap(({ group, topics }) => {
      const before = new Map(topics.subscriptions.map((each) => [each, each.matched]))
      return topics.match(there).map((subscription) => {
        const why = changes(before.get(subscription) ?? [], subscription)
        return { group, subscription, why }
      })
    })
    const found = [...this.#matched].filter((topic) => !matchedBefore.has(topic))
    const looked = [...this.#looked].map(readPattern)
    this.#looked = new Set(this.#own.flatMap(({ topics }) => topics.subscriptions.flatMap(({ patterns }) => patterns)))
    return {
      changed,
      found: found.map((topic) => ({ topic, hasCome: looked.some((pattern) => pattern.test(topic)) })),
    }
  }
}

const changes = (before: readonly string[], { matched }: ConsumedTopics): string => {
  const quoted = (topics: readonly string[]) => topics.map((topic) => `"${topic}"`).join(', ')
  const come = matched.filter((topic) => !before.includes(topic))
  const gone = before.filter((topic) => !matched.includes(topic))
  const words = [come.length > 0 ? `has come: ${quoted(come)}` : '', gone.length > 0 ? `has gone: ${quoted(gone)}` : '']
  return `what its regular expressions find ${words.filter((word) => word !== '').join(', ')}`
}
