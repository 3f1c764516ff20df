import type { Logger } from 'pino'
import { deadLetterTopic } from '../../config/dead-letter-topic.js'
import { Issues } from '../../config/issues.js'
import type { SlotConfig } from '../../config/resolved.js'
import { readTopics, type TopicChoice } from '../../config/rules/topics.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { Cluster } from '../cluster.js'
import type { GroupParts, Groups } from '../groups.js'
import type { ConsumedTopics } from '../membership/consumed-topics.js'
import { checkTopics } from '../membership/topic-check.js'
import { type SubscriptionChoice, subscriptionOf } from './subscription-choice.js'
import type { TopicSelection } from './topic-selection.js'

export interface SubscribingOptions {
  readonly groups: Pick<Groups, 'placesOf' | 'of'>
  /** Those that there are, but for those that leave. */
  readonly slots: () => readonly SlotConfig[]
  readonly clusterOf: (slot: SlotConfig) => Pick<Cluster, 'client' | 'consume' | 'matchAgain'>
  /** The pool has looked which topics there are, and its members may have joined. */
  readonly hasBegun: () => boolean
  /** It is stopped, or being stopped: whoever is asked may be gone. */
  readonly isStopping: () => boolean
  readonly log: Logger
}

/** A subscription in one of its groups. */
interface Place extends GroupParts {
  /** Of those that there are: none where all have been removed, and some may come again. */
  readonly slots: readonly SlotConfig[]
}

/** Adds topics to the subscriptions of a pool that runs, and takes them away: their members join again. */
export class Subscribing {
  readonly #options: SubscribingOptions

  constructor(options: SubscribingOptions) {
    this.#options = options
  }

  async subscribe(selection: TopicSelection, choice: SubscriptionChoice): Promise<void> {
    const { log } = this.#options
    const chosen = read(selection)
    const places = this.#placesOf(choice)
    const refuse = () => {
      for (const { slots, consumed, groupTopics } of places) {
        const { topics } = lacking(chosen, consumed)
        for (const topic of topics) refuseShared(topic, consumed, groupTopics.subscriptions)
        for (const slot of slots) refuseLoop([...consumed.all, ...topics], slot)
      }
    }
    refuse()
    const changing = places.map((place) => ({ place, wanted: lacking(chosen, place.consumed) })).filter(isChange)
    const checks = changing.map(({ place, wanted }) => this.#check(place, wanted))
    const found = await this.#unlessStopped(Promise.all(checks))
    refuse() // somebody may have chosen meanwhile
    for (const [n, { place, wanted }] of changing.entries()) {
      place.consumed.add(wanted)
      for (const { way, topics } of found[n] ?? []) way.consume(place.group, topics)
      log.info({ subscription: place.consumed.subscription, ...wanted }, 'subscribed by pool.subscribe()')
    }
    await this.#joinAgain(
      changing.map(({ place }) => place),
      'pool.subscribe() has added topics',
    )
  }

  async unsubscribe(selection: TopicSelection, choice: SubscriptionChoice): Promise<void> {
    const { log } = this.#options
    const chosen = read(selection)
    const places = this.#placesOf(choice)
    for (const { consumed } of places) {
      const known = [...consumed.named, ...consumed.patterns]
      const unknown = [...chosen.topics, ...chosen.patterns].find((topic) => !known.includes(topic))
      if (unknown !== undefined) throw notNamed(unknown, consumed)
    }
    for (const { consumed } of places) {
      consumed.remove(chosen)
      log.info({ subscription: consumed.subscription, ...chosen }, 'unsubscribed by pool.unsubscribe()')
    }
    await this.#joinAgain(places, 'pool.unsubscribe() has taken topics away')
    for (const { group, groupTopics } of places) group.known.keep(groupTopics.all)
  }

  /** Whether the topics are there, and may be read, in each way that leads to them. Before the pool has begun nobody asks. */
  async #check({ slots }: Place, { topics: wanted }: TopicChoice) {
    if (!this.#options.hasBegun()) return []
    const ways = new Map(slots.map((slot) => [this.#options.clusterOf(slot), slot]))
    const looks = [...ways].map(async ([way, slot]) => {
      const topics = await checkTopics([{ ...slot, topics: wanted }], (_, names) => way.client.topics(names))
      return { way, topics }
    })
    return Promise.all(looks)
  }

  async #joinAgain(places: readonly Place[], why: string): Promise<void> {
    const { clusterOf, hasBegun } = this.#options
    if (!hasBegun()) return
    // A topic that is named goes to who names it, and one that is not any more to who finds it.
    const ways = new Set(places.flatMap(({ slots }) => slots.map(clusterOf)))
    await this.#unlessStopped(Promise.all([...ways].map((way) => way.matchAgain())))
    for (const { group, consumed } of places) {
      for (const seat of group.seats) if (seat.subscription === consumed.subscription) seat.rejoin(why)
    }
  }

  /** What comes of it when the pool is stopped meanwhile is about closed connections, or of no use any more. */
  async #unlessStopped<T>(asked: Promise<T>): Promise<T> {
    const { isStopping } = this.#options
    const answer = await asked.catch((error: unknown) => {
      throw isStopping() ? stopped(error) : error
    })
    if (isStopping()) throw stopped()
    return answer
  }

  #placesOf(choice: SubscriptionChoice): Place[] {
    const subscription = subscriptionOf(choice)
    const { groups, slots } = this.#options
    const present = slots()
    const count = new Set(present.map((slot) => slot.subscription)).size // each has one slot at least
    if (subscription === undefined && count > 1) {
      const which = '{ subscription: 0 } for the first'
      throw new TypeError(`the pool has ${count} subscriptions: say which one, ${which}`)
    }
    const fixed = present.find((slot) => slot.subscription === (subscription ?? 0) && slot.fixed !== null)
    if (fixed !== undefined) {
      throw refused(
        `subscriptions[${fixed.subscription}] has fixed partitions (assign), and no topics come or go there. Change assign, and restart the pool; or pause partitions with pool.pause()`,
      )
    }
    const places = groups.placesOf(subscription ?? 0)
    if (places.length === 0) {
      const expected = `the index of a subscription, from 0 to ${count - 1}`
      throw new TypeError(`expected ${expected}, got ${String(subscription)}`)
    }
    return places.map((parts) => {
      return { ...parts, slots: present.filter((slot) => groups.of(slot).consumed === parts.consumed) }
    })
  }
}

/** What of it is not there yet. */
const lacking = ({ topics, patterns }: TopicChoice, { named, patterns: known }: ConsumedTopics): TopicChoice => ({
  topics: topics.filter((topic) => !named.includes(topic)),
  patterns: patterns.filter((pattern) => !known.includes(pattern)),
})

const isChange = ({ wanted: { topics, patterns } }: { readonly wanted: TopicChoice }): boolean =>
  topics.length > 0 || patterns.length > 0

const read = (selection: TopicSelection): TopicChoice => {
  const issues = new Issues()
  const list = typeof selection === 'string' || selection instanceof RegExp ? [selection] : selection
  const chosen = readTopics(list, 'topics', issues)
  if (issues.any) throw issues.toError()
  return chosen
}

const stopped = (cause?: unknown): PoolError => {
  const message = 'the pool was stopped before its members had been told of other topics. Create a new ConsumerPool'
  return new PoolError(ErrorCode.poolStopped, message, { cause })
}

const refused = (message: string) => {
  const issues = new Issues()
  issues.add('topics', message)
  return issues.toError()
}

const refuseShared = (topic: string, own: ConsumedTopics, all: readonly ConsumedTopics[]): void => {
  const other = all.find((each) => each !== own && each.named.includes(topic))
  if (other === undefined) return
  throw refused(
    `"${topic}" is in subscriptions[${other.subscription}] of the same group already, so each message would go to only one of the two handlers`,
  )
}

const refuseLoop = (topics: readonly string[], { deadLetter }: SlotConfig): void => {
  if (deadLetter === null) return
  const source = topics.find((topic) => topics.includes(deadLetterTopic(deadLetter.topic, topic)))
  if (source === undefined) return
  const target = deadLetterTopic(deadLetter.topic, source)
  throw refused(
    `dead letters of "${source}" go to "${target}", which the same handler would consume and cannot handle. Let another subscription consume it`,
  )
}

const notNamed = (topic: string, { all, patterns }: ConsumedTopics): PoolError => {
  const found = all.includes(topic)
  const why = found ? `is there because of ${patterns.join(', ')}: unsubscribe that` : 'is not among its topics'
  return new PoolError(ErrorCode.notSubscribed, `the subscription does not name ${topic}; it ${why}`, { topic })
}
