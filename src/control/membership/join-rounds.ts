import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { KafkaCode } from '../../kafka/error-codes.js'
import type { JoinResult } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { within } from '../../util/within.js'
import { decodeAssignment } from './assignors/subscription.js'
import type { ConsumedTopics } from './consumed-topics.js'
import type { Coordinator } from './coordinator.js'
import type { Group } from './group.js'
import { assignForGroup, type PartitionCounts } from './group-leader.js'
import { type Claim, joinRequest, NO_CLAIM } from './join-request.js'
import { lookAtKeptAssignment } from './kept-assignment.js'
import { now, type Sent } from './lease.js'
import { syncHoldMs } from './seat-times.js'
import type { AskTopics } from './steady-topics.js'

/** No number of a subscription: its seat has to join again. */
const OF_OTHER_TOPICS = -1

/** How long a seat that leaves waits to hear who it is, if it has just asked. */
const FIRST_ANSWER_MS = 250

export interface JoinRoundsOptions {
  readonly config: SlotConfig
  readonly group: Group
  /** By way of the seat's own client, whose connection a JoinGroup that waits for others may block. */
  readonly coordinator: Coordinator
  /** By way of one whose connection is free meanwhile. */
  readonly poolCoordinator: Coordinator
  readonly topics: AskTopics
  /** Those of the seat's subscription. */
  readonly consumed: Pick<ConsumedTopics, 'all'>
  readonly log: Logger
  /** A JoinGroup is about to be sent; throws when none may be any more. */
  readonly onAsk: () => void
}

/** A generation that the seat is a member of. */
export interface Round {
  readonly generation: number
  readonly protocol: string
  readonly isLeader: boolean
  /**
   * Nobody else can have had what the seat holds, since it got that: no generation was missed in which it would have had to
   * get it again, or, with a cooperative protocol, to say that it owns it.
   */
  readonly follows: boolean
  /** Of its subscribed topics. */
  readonly partitions: readonly TopicPartition[]
  /** What the group's assignment was made from; null when another member leads. */
  readonly assignedFrom: PartitionCounts | null
  /** Ids of all members, for the leader only. */
  readonly members: readonly string[]
  /** {@link JoinRounds.serial} when the coordinator had let the seat in; another one if it subscribes to other topics by then. */
  readonly serial: number
  readonly synced: Sent
}

/** The seat was let in without a rebalance, and with an assignment that is out of date: it has to make the group rebalance. */
export interface OutdatedRound {
  readonly generation: number
  readonly outdated: string
}

/** The id to join with that comes with MEMBER_ID_REQUIRED (KIP-394). */
const memberIdIn = (error: unknown): string | undefined =>
  error instanceof KafkaError && error.code === KafkaCode.memberIdRequired ? error.memberId : undefined

/**
 * By what a seat becomes a member of a generation: JoinGroup, the assignment of all members if it leads, SyncGroup. One
 * round at a time. It remembers between them who the member is.
 */
export class JoinRounds {
  readonly #options: JoinRoundsOptions
  #memberId = ''
  #serial = 0
  /** The last generation from which on the next one is no gap; -1 for none. */
  #generation = -1
  #follows = true
  /** What the JoinGroup that was sent last subscribes to. */
  #topics: readonly string[] = []
  /** The JoinGroup that was sent last. */
  #asked: Promise<JoinResult> | null = null

  constructor(options: JoinRoundsOptions) {
    this.#options = options
  }

  /** Empty until the coordinator has given one. */
  get memberId(): string {
    return this.#memberId
  }

  /** How often the subscription has got other bytes; see {@link joinRequest}. */
  get serial(): number {
    return this.#serial
  }

  forgetMemberId(): void {
    this.#memberId = ''
  }

  /** The next round makes the group rebalance, whoever leads it. */
  changeSubscription(): void {
    this.#serial += 1
  }

  /**
   * Whether the coordinator may know the member by an id that is known here: a static one can be removed by its instance
   * id alone (KIP-345). Who has just asked waits a moment to hear who he is: nobody else could remove that member.
   */
  async canBeRemoved(): Promise<boolean> {
    const isAnswered = this.#memberId !== '' || this.#asked === null || (await within(this.#asked, FIRST_ANSWER_MS))
    return isAnswered ? this.#memberId !== '' : this.#options.config.consumer.groupInstanceId !== null
  }

  /** Rejects with what the coordinator has against it. */
  async next(claim: Claim = NO_CLAIM): Promise<Round | OutdatedRound> {
    const { config, group, topics, coordinator, log } = this.#options
    const subscribed = { ...config, topics: this.#options.consumed.all }
    const seenBefore = group.generation
    const outdated = this.#memberId === '' ? await lookAtKeptAssignment(subscribed, coordinator, topics, log) : null
    const joined = await this.#join(claim)
    const { generation, protocol, memberId } = joined
    const isLeader = joined.leaderId === memberId
    this.#hasJoined(generation)
    // A sibling that came back too may have made the group rebalance already.
    const rebalanced = isLeader || (group.generation !== seenBefore && generation > group.generation)
    if (outdated !== null && !rebalanced) return { generation, outdated }
    const serial = this.#isOfOtherTopics ? OF_OTHER_TOPICS : this.#serial

    const assigned = isLeader
      ? await assignForGroup(joined, topics, group.assignors, log, config.consumer.sessionTimeout)
      : null
    const { groupId, groupInstanceId: instanceId } = config.consumer
    const member = { groupId, generation, memberId, instanceId }
    const holdMs = syncHoldMs(config.consumer)
    const synced = now()
    const bytes = await this.#watched(
      coordinator.ask((client, node) => client.syncGroup(node, member, assigned?.assignments ?? [], holdMs)),
    )
    const follows = this.#follows
    this.#generation = generation
    this.#follows = true
    return {
      ...{ generation, protocol, isLeader, follows, serial, synced },
      partitions: this.#subscribedOnly(decodeAssignment(bytes)),
      assignedFrom: assigned?.counts ?? null,
      members: joined.members.map((other) => other.memberId),
    }
  }

  /** They have changed since the JoinGroup was sent, which may have waited for others. */
  get #isOfOtherTopics(): boolean {
    const { all } = this.#options.consumed
    return all.length !== this.#topics.length || all.some((topic, n) => topic !== this.#topics[n])
  }

  /** What it has said that it owns it owns until it hears otherwise; what it has not, until the next generation. */
  #hasJoined(generation: number): void {
    if (generation !== this.#generation && generation !== this.#generation + 1) this.#follows = false
    const { config, group } = this.#options
    if (group.assignors.isCooperative(config.assignors)) this.#generation = generation
  }

  async #join(claim: Claim): Promise<JoinResult> {
    const { config, group } = this.#options
    if (config.consumer.groupInstanceId !== null) await group.barrier.arrive()
    try {
      return await this.#ask(claim)
    } catch (error) {
      if (memberIdIn(error) === undefined) throw error
      await group.barrier.arrive()
      return await this.#ask(claim)
    }
  }

  #ask(claim: Claim): Promise<JoinResult> {
    this.#asked = this.#sendJoin(claim)
    return this.#asked
  }

  async #sendJoin(claim: Claim): Promise<JoinResult> {
    const { config, group, coordinator, consumed, onAsk } = this.#options
    onAsk()
    this.#topics = consumed.all
    const offered = group.assignors.protocolsOf(config.assignors)
    const request = joinRequest({ ...config, topics: this.#topics }, offered, this.#memberId, claim, this.#serial)
    try {
      const joined = await this.#watched(coordinator.ask((client, node) => client.joinGroup(node, request)))
      this.#memberId = joined.memberId
      return joined
    } catch (error) {
      this.#memberId = memberIdIn(error) ?? this.#memberId
      throw error
    }
  }

  /** The answer may be long in coming: then it is said what the group waits for. */
  #watched<T>(request: Promise<T>): Promise<T> {
    const { config, poolCoordinator, group, log } = this.#options
    const describe = () => poolCoordinator.ask((client, node) => client.describeGroup(node, config.consumer.groupId))
    return group.joinWatch.during(request, { consumer: config.consumer, describe, log })
  }

  /** A leader that is a KafkaJS consumer hands its own topics to everybody, subscribed or not. */
  #subscribedOnly(assignment: readonly TopicPartition[]): TopicPartition[] {
    const { config, log } = this.#options
    const topics = this.#topics
    const foreign = assignment.filter(({ topic }) => !topics.includes(topic))
    if (foreign.length > 0) {
      const { groupId } = config.consumer
      const message =
        'the leader of the group assigned topics that this slot does not subscribe to; nobody handles them'
      log.error({ groupId, memberId: this.#memberId, foreign, topics }, message)
    }
    return assignment.filter(({ topic }) => topics.includes(topic))
  }
}
