import type { SlotConfig } from '../../config/resolved.js'
import type { TopicChoice } from '../../config/rules/topics.js'
import { ConsumedTopics } from './consumed-topics.js'

/** Whether a topic may be the dead-letter topic of any. */
const mayBe = (topic: string, deadLetterTopic: string): boolean => {
  const [before = '', ...rest] = deadLetterTopic.split('{topic}')
  const after = rest.at(-1)
  if (after === undefined) return topic === before
  return topic.length > before.length + after.length && topic.startsWith(before) && topic.endsWith(after)
}

/** What the subscriptions of one group consume: no topic for two of them, for each message would go to only one. */
export class GroupTopics {
  readonly #bySubscription = new Map<number, ConsumedTopics>()
  readonly #deadLetterTopics = new Set<string>()

  /** @param members the slots of the group */
  constructor(members: readonly SlotConfig[]) {
    for (const slot of members) this.admit(slot)
  }

  /**
   * A slot of the group.
   *
   * @param chosen with what its subscription begins, if no other slot of that is in the group @default what is configured
   * @returns what it consumes
   */
  admit(slot: SlotConfig, chosen: TopicChoice = slot): ConsumedTopics {
    const { subscription, deadLetter } = slot
    const consumed = this.#bySubscription.get(subscription) ?? new ConsumedTopics({ ...chosen, subscription })
    this.#bySubscription.set(subscription, consumed)
    if (deadLetter !== null) this.#deadLetterTopics.add(deadLetter.topic)
    return consumed
  }

  get subscriptions(): readonly ConsumedTopics[] {
    return [...this.#bySubscription.values()]
  }

  /** All of them together. */
  get all(): ReadonlySet<string> {
    return new Set(this.subscriptions.flatMap(({ all }) => all))
  }

  get hasPatterns(): boolean {
    return this.subscriptions.some(({ patterns }) => patterns.length > 0)
  }

  /**
   * Looks what the regular expressions find. Who names a topic has it before all others, then who comes first; dead letters
   * are for whoever names their topic.
   *
   * @param there all topics of the cluster
   * @returns the subscriptions that have other topics now
   */
  match(there: readonly string[]): ConsumedTopics[] {
    const taken = new Set(this.subscriptions.flatMap(({ named }) => named))
    const isTaken = (topic: string) =>
      taken.has(topic) || [...this.#deadLetterTopics].some((deadLetterTopic) => mayBe(topic, deadLetterTopic))
    return this.subscriptions.filter((each) => {
      const isOther = each.match(there, isTaken)
      for (const topic of each.matched) taken.add(topic)
      return isOther
    })
  }
}
