import type { SlotConfig } from '../../config/resolved.js'
import { readPattern } from '../../config/topic-pattern.js'

/** Those that Kafka and what is built on it keep for themselves are consumed when they are named, and not otherwise. */
const isInternal = (topic: string): boolean => topic.startsWith('__')

/** What is added to a subscription, or taken away: names, and regular expressions as text. */
export interface TopicChange {
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
}

/** The topics of one subscription in one group, which change while the pool runs. */
export class ConsumedTopics {
  readonly subscription: number
  readonly #named: Set<string>
  readonly #patterns: Map<string, RegExp>
  #matched: readonly string[] = []

  constructor({ subscription, topics, patterns }: Pick<SlotConfig, 'subscription' | 'topics' | 'patterns'>) {
    this.subscription = subscription
    this.#named = new Set(topics)
    this.#patterns = new Map(patterns.map((text) => [text, readPattern(text)]))
  }

  /** What its members subscribe to now. */
  get all(): readonly string[] {
    return [...this.#named, ...this.#matched]
  }

  get named(): readonly string[] {
    return [...this.#named]
  }

  /** Those that are there because a regular expression finds them. */
  get matched(): readonly string[] {
    return this.#matched
  }

  get patterns(): readonly string[] {
    return [...this.#patterns.keys()]
  }

  /** Whether a topic of that name is consumed, or would be if it was there. */
  includes(topic: string): boolean {
    return this.#named.has(topic) || (!isInternal(topic) && this.#isFound(topic))
  }

  add({ topics, patterns }: TopicChange): void {
    for (const topic of topics) this.#named.add(topic)
    for (const text of patterns) this.#patterns.set(text, readPattern(text))
    this.#matched = this.#matched.filter((topic) => !this.#named.has(topic))
  }

  remove({ topics, patterns }: TopicChange): void {
    for (const topic of topics) this.#named.delete(topic)
    for (const text of patterns) this.#patterns.delete(text)
    this.#matched = this.#matched.filter((topic) => this.#isFound(topic))
  }

  /**
   * What its regular expressions find.
   *
   * @param there all topics of the cluster
   * @param isTaken whether somebody else consumes it, or nobody may
   * @returns whether that is something else than before
   */
  match(there: readonly string[], isTaken: (topic: string) => boolean): boolean {
    const before = this.#matched
    const found = there.filter(
      (topic) => !this.#named.has(topic) && !isInternal(topic) && !isTaken(topic) && this.#isFound(topic),
    )
    this.#matched = [...new Set(found)].sort()
    return before.length !== this.#matched.length || before.some((topic, n) => topic !== this.#matched[n])
  }

  #isFound(topic: string): boolean {
    return [...this.#patterns.values()].some((pattern) => pattern.test(topic))
  }
}
