import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { isRefusal } from '../../kafka/brokers/refusal-advice.js'
import type { ControlClient } from '../../kafka/client.js'
import { KafkaCode } from '../../kafka/error-codes.js'
import type { JoinResult, Membership } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { monotonicMs, wallAheadMs } from '../../util/clock.js'
import { Episode } from '../../util/episode.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { within } from '../../util/within.js'
import { decodeAssignment } from './assignors/subscription.js'
import { Coordinator } from './coordinator.js'
import type { Group } from './group.js'
import { assignForGroup, type PartitionCounts } from './group-leader.js'
import { joinRequest } from './join-request.js'
import { lookAtKeptAssignment } from './kept-assignment.js'
import { refusal } from './refusal.js'
import {
  FENCED_FORGOTTEN_MS,
  FENCED_TRIES,
  FENCED_WAIT_MS,
  isMember,
  mayEnter,
  reactionTo,
  retryDelayMs,
  type SeatState,
} from './seat-states.js'
import { syncHoldMs } from './seat-times.js'
import type { AskTopics } from './steady-topics.js'

/** How long a seat waits before it asks again for what the broker has refused. */
const REFUSED_WAIT_MS = 30_000
/** How long a LeaveGroup may take: leaving is a courtesy, the session timeout does the same later. */
const LEAVE_TIMEOUT_MS = 700
/** How long a seat that leaves waits to hear who it is, if it has just asked: nobody else could remove that member. */
const FIRST_ANSWER_MS = 250

/** The id to join with that comes with MEMBER_ID_REQUIRED (KIP-394). */
const memberIdIn = (error: unknown): string | undefined =>
  error instanceof KafkaError && error.code === KafkaCode.memberIdRequired ? error.memberId : undefined

/** What a seat tells its slot. None of these may throw. */
export interface SeatHost {
  /** A rebalance begins: bring the thread to stand between two messages (bounded) and commit what is finished. */
  release(): Promise<void>
  /** A new generation is in force with this assignment. */
  assigned(partitions: readonly TopicPartition[], generation: number): void
  /** The membership is gone: stop every partition at once, commit nothing. */
  lost(reason: string): void
  /** No message may start after this moment (monotonic ms) unless it is extended again. */
  lease(untilMs: number): void
  joined(membership: Membership, protocol: string, leader: boolean): void
  fenced(tries: number, retryInMs: number | null): void
  /** The broker will not have this member until a person changes something. */
  refused(error: PoolError): void
}

export interface SeatOptions {
  readonly config: SlotConfig
  readonly group: Group
  readonly host: SeatHost
  readonly log: Logger
  /** The seat's own, under a fresh client id. */
  readonly client: ControlClient
  /** Coordinator over the connection that the pool shares (free while a JoinGroup waits on the seat's own). */
  readonly coordinator: Coordinator
  readonly topics: AskTopics
}

/**
 * A slot's membership in the consumer group, on the main thread. One loop does everything that changes the membership,
 * so no two such requests are ever in flight together; everybody else sets a wish and wakes it.
 *
 *   unjoined → joining → stable ⇄ rebalancing → leaving → left,  and fenced, lost
 *
 * A seat is used once: whoever wants to be a member again after it has left takes a new one. So there is no way back
 * from the end of the loop, whatever it still waits for.
 */
export class Seat {
  readonly #options: SeatOptions
  readonly #sleep = new WakeableSleep()
  readonly #coordinator: Coordinator
  #state: SeatState = 'unjoined'
  #memberId = ''
  #generation = -1
  #assignedFrom: PartitionCounts | null = null
  #members: readonly string[] = []
  #protocol = ''
  #mustJoin = true
  #draining = false
  #ended = false
  #nextBeatAtMs = 0
  #leaseUntilMs = 0
  #failures = 0
  readonly #trouble = new Episode()
  #refused = false
  #fencedTries = 0
  #stableSinceMs = 0
  /** See {@link joinRequest}. */
  #subscriptionSerial = 0
  #loop: Promise<void> = Promise.resolve()
  /** The JoinGroup that was sent last. */
  #asked: Promise<JoinResult> | null = null
  #leaving: Promise<void> | null = null

  constructor(options: SeatOptions) {
    this.#options = options
    this.#coordinator = new Coordinator(options.client, this.groupId)
  }

  get groupId(): string {
    return this.#options.config.consumer.groupId
  }

  get instanceId(): string | null {
    return this.#options.config.consumer.groupInstanceId
  }

  get state(): SeatState {
    return this.#state
  }

  /** `client.id` of the seat's connection. */
  get clientId(): string {
    return this.#options.client.clientId
  }

  get isLeader(): boolean {
    return this.#assignedFrom !== null
  }

  /** What the seat made the group's present assignment from; null when it does not lead. */
  get assignedFrom(): PartitionCounts | null {
    return this.#assignedFrom
  }

  /** Ids of all members of the group, while the seat leads it. */
  get members(): readonly string[] {
    return this.#members
  }

  get protocol(): string {
    return this.#protocol
  }

  /** False while no answer of the coordinator says that the membership still holds: no message may begin then. */
  get isConfirmed(): boolean {
    return isMember(this.#state) && monotonicMs() < this.#leaseUntilMs
  }

  /** True while the broker does not let the seat in, or will not have it. */
  get isRefused(): boolean {
    return this.#refused
  }

  /** Who the seat is to the coordinator. Generation -1 while it is no member. */
  get membership(): Membership {
    return {
      groupId: this.groupId,
      generation: this.#generation,
      memberId: this.#memberId,
      instanceId: this.instanceId,
    }
  }

  /** Opens the connection. Rejects when no broker can be reached. Not needed, but whoever awaits it hears why. */
  connect(): Promise<void> {
    return this.#options.client.connect()
  }

  /** Begins to join, and goes on trying until it is told to leave. Everything else is told to the host. */
  start(): void {
    if (this.#ended) return
    this.#options.group.add(this)
    this.#loop = this.#run()
  }

  /** Makes the seat ask the coordinator at once. */
  poke(): void {
    if (this.#state !== 'stable') return // it asks anyway, and its pauses must hold
    this.#nextBeatAtMs = 0
    this.#sleep.wake()
  }

  /** Joins again although the coordinator has not asked for it, in a way that makes the group rebalance. */
  rejoin(why: string): void {
    if (this.#draining) return
    this.#options.log.info({ groupId: this.groupId, why }, 'rejoining the group')
    this.#subscriptionSerial += 1
    this.#mustJoin = true
    this.#sleep.wake()
  }

  /** From now on the seat keeps its membership and follows the group, but does not become a member anew. */
  drain(): void {
    this.#draining = true
  }

  /** Gives the membership up for good and closes the connection. `sendLeave` tells the coordinator. Never rejects. */
  leave(sendLeave: boolean): Promise<void> {
    this.#leaving ??= this.#leave(sendLeave)
    return this.#leaving
  }

  async #leave(sendLeave: boolean): Promise<void> {
    const { group, client } = this.#options
    this.#ended = true
    this.#enter('leaving')
    group.remove(this)
    this.#sleep.wake()
    const isKnown = this.#memberId !== '' || this.#asked === null || (await within(this.#asked, FIRST_ANSWER_MS))
    // A static member can be removed by its instance id alone (KIP-345).
    const isThere = isKnown ? this.#memberId !== '' : this.instanceId !== null
    const left = sendLeave && isThere ? this.#sendLeave() : undefined
    client.close()
    // The loop may be waiting for something that closing the connection does not end.
    await within(Promise.all([left, this.#loop]), LEAVE_TIMEOUT_MS)
    this.#forgetMembership()
    this.#enter('left')
  }

  async #sendLeave(): Promise<void> {
    const { coordinator, group, log } = this.#options
    const member = this.membership
    const left = coordinator.askPersistently((client, node) => client.leaveGroup(node, member))
    group.pokeSiblings(this)
    await left.catch((error: unknown) => log.debug({ err: error, ...member }, 'could not leave the group'))
  }

  #forgetMembership(): void {
    this.#memberId = ''
    this.#generation = -1
    this.#assignedFrom = null
    this.#mustJoin = true
  }

  get #mayJoin(): boolean {
    return !this.#ended && !(this.#draining && this.#generation < 0)
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    while (!this.#ended) {
      try {
        if (this.#mustJoin && this.#mayJoin) await this.#join()
        else await this.#beat()
        this.#failures = 0
        this.#refused = false
        if (this.#generation >= 0 && this.#trouble.ended(monotonicMs()) !== null)
          log.info(this.membership, 'the coordinator answers again')
      } catch (error) {
        if (!this.#ended) await this.#recover(error).catch((fault: unknown) => this.#report(fault))
      }
    }
  }

  /** A fault of our own must neither end the loop nor spin in it. */
  #report(fault: unknown): Promise<void> {
    this.#options.log.error({ err: fault, ...this.membership }, 'internal fault in the seat')
    return this.#rest(retryDelayMs(this.#failures++))
  }

  async #beat(): Promise<void> {
    await this.#sleep.for(this.#nextBeatAtMs - monotonicMs())
    if (this.#ended || (this.#mustJoin && this.#mayJoin)) return
    const { heartbeatInterval, sessionTimeout } = this.#options.config.consumer
    const sentAtMs = monotonicMs()
    const aheadMs = wallAheadMs()
    this.#nextBeatAtMs = sentAtMs + heartbeatInterval
    if (this.#generation < 0) return
    await this.#coordinator.ask((client, node) => client.heartbeat(node, this.membership))
    if (this.#ended) return
    this.#extendLease(sentAtMs + sessionTimeout, aheadMs)
  }

  async #join(): Promise<void> {
    const { config, group, host, log } = this.#options
    const begins = this.#state === 'stable'
    this.#enter(begins || this.#state === 'rebalancing' ? 'rebalancing' : 'joining')
    // Once for each rebalance (as Java's `needsJoinPrepare`): who has to ask again keeps the group waiting no longer.
    if (begins) await host.release()
    if (!this.#mayJoin) return

    const seenBefore = group.generation
    const outdated = this.#memberId === '' ? await this.#whyOutdated() : null
    const joined = await this.#sendJoin()
    // Until the assignment is known, what the slot holds and commits is that of the old generation.
    const member = { ...this.membership, generation: joined.generation }
    const leader = joined.leaderId === joined.memberId
    // A sibling that came back too may have made the group rebalance already.
    const rebalanced = leader || (group.generation !== seenBefore && joined.generation > group.generation)
    if (outdated !== null && !rebalanced) {
      group.noteGeneration(joined.generation)
      this.rejoin(outdated)
      return
    }
    const serial = this.#subscriptionSerial

    const assigned = leader ? await assignForGroup(joined, this.#options.topics, log) : null
    const syncedAtMs = monotonicMs()
    const aheadMs = wallAheadMs()
    const holdMs = syncHoldMs(config.consumer)
    const bytes = await this.#watched(
      this.#coordinator.ask((client, node) => client.syncGroup(node, member, assigned?.assignments ?? [], holdMs)),
    )
    if (this.#ended) return
    const partitions = this.#subscribedOnly(decodeAssignment(bytes))
    this.#generation = joined.generation
    this.#assignedFrom = assigned?.counts ?? null
    this.#members = joined.members.map(({ memberId }) => memberId)
    this.#protocol = joined.protocol
    this.#mustJoin = serial !== this.#subscriptionSerial // somebody called rejoin() meanwhile
    this.#nextBeatAtMs = syncedAtMs + config.consumer.heartbeatInterval
    this.#extendLease(syncedAtMs + config.consumer.sessionTimeout, aheadMs)
    this.#stableSinceMs = syncedAtMs
    this.#enter('stable')
    group.noteGeneration(this.#generation)
    host.joined(this.membership, this.#protocol, leader)
    host.assigned(partitions, this.#generation)
  }

  /** The answer may be long in coming: then it is said what the group waits for. */
  #watched<T>(request: Promise<T>): Promise<T> {
    const { config, coordinator, group, log } = this.#options
    const describe = () => coordinator.ask((client, node) => client.describeGroup(node, this.groupId))
    return group.joinWatch.during(request, { consumer: config.consumer, describe, log })
  }

  /** A leader that is a KafkaJS consumer hands its own topics to everybody, subscribed or not. */
  #subscribedOnly(assignment: readonly TopicPartition[]): TopicPartition[] {
    const { config, log } = this.#options
    const foreign = assignment.filter(({ topic }) => !config.topics.includes(topic))
    if (foreign.length > 0) {
      const message =
        'the leader of the group assigned topics that this slot does not subscribe to; nobody handles them'
      log.error({ ...this.membership, foreign, topics: config.topics }, message)
    }
    return assignment.filter(({ topic }) => config.topics.includes(topic))
  }

  #whyOutdated(): Promise<string | null> {
    const { config, topics, log } = this.#options
    return lookAtKeptAssignment(config, this.#coordinator, topics, log)
  }

  async #sendJoin(): Promise<JoinResult> {
    const { group } = this.#options
    if (this.instanceId !== null) await group.barrier.arrive()
    try {
      return await this.#askToJoin()
    } catch (error) {
      if (memberIdIn(error) === undefined) throw error
      await group.barrier.arrive()
      return await this.#askToJoin()
    }
  }

  #askToJoin(): Promise<JoinResult> {
    this.#asked = this.#ask()
    return this.#asked
  }

  async #ask(): Promise<JoinResult> {
    if (!this.#mayJoin) throw new PoolError(ErrorCode.poolStopped, 'the seat left before it had joined')
    this.#options.group.pokeSiblings(this)
    const request = joinRequest(this.#options.config, this.#memberId, this.#subscriptionSerial)
    try {
      const joined = await this.#watched(this.#coordinator.ask((client, node) => client.joinGroup(node, request)))
      this.#memberId = joined.memberId
      return joined
    } catch (error) {
      this.#memberId = memberIdIn(error) ?? this.#memberId
      throw error
    }
  }

  /** Decides what a failed request means. Everything else goes on in the loop. */
  async #recover(error: unknown): Promise<void> {
    const { log } = this.#options
    const reaction = reactionTo(error)
    const isLasting = reaction === 'retry' && this.#failures >= 3
    const isTold = isLasting && this.#trouble.happened(monotonicMs()) !== null
    log[isTold ? 'warn' : 'debug']({ err: error, reaction, ...this.membership }, 'the coordinator did not agree')
    switch (reaction) {
      case 'rejoin':
        this.#mustJoin = true
        return
      case 'lost':
      case 'regenerate':
        this.#lose(error, reaction === 'lost')
        return
      case 'fenced':
        await this.#fencedOut()
        return
      case 'refused':
        await this.#refusedBy(error)
        await this.#rest(REFUSED_WAIT_MS)
        return
      case 'retry':
        // Credentials may be mended within the session, so it is asked as often as ever.
        if (isTold && error instanceof KafkaError && isRefusal(error)) await this.#refusedBy(error)
        // Not even when the session must be over: a coordinator that was away may still know the member, and the lease
        // sees to it that nothing begins before it has said so.
        this.#nextBeatAtMs = 0
        await this.#rest(retryDelayMs(this.#failures++))
    }
  }

  async #refusedBy(error: unknown): Promise<void> {
    const { config, host } = this.#options
    this.#refused = true
    const reason = await refusal(error, config, this.#coordinator)
    if (!this.#ended) host.refused(reason)
  }

  /** Waits until it is woken. Leaving wakes only who sleeps already, so nobody may fall asleep after that. */
  async #rest(ms: number): Promise<void> {
    if (!this.#ended) await this.#sleep.for(ms)
  }

  /** The membership is over. The member id is kept where the coordinator may still know it. */
  #lose(error: unknown, forgetMemberId: boolean): void {
    const { host, log } = this.#options
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#state !== 'joining') log.warn({ reason, ...this.membership }, 'lost the membership in the group')
    this.#enter('lost')
    host.lost(reason)
    this.#generation = -1
    this.#assignedFrom = null
    this.#mustJoin = true
    if (forgetMemberId) this.#memberId = ''
  }

  async #fencedOut(): Promise<void> {
    const { host } = this.#options
    if (this.#state === 'stable' && monotonicMs() - this.#stableSinceMs > FENCED_FORGOTTEN_MS) this.#fencedTries = 0
    this.#enter('fenced')
    this.#fencedTries += 1
    host.lost('fenced: another member uses the same group.instance.id')
    this.#forgetMembership()
    const retryInMs = this.#fencedTries > FENCED_TRIES ? null : FENCED_WAIT_MS
    host.fenced(this.#fencedTries, retryInMs)
    const until = monotonicMs() + FENCED_WAIT_MS
    while (!this.#ended && monotonicMs() < until) await this.#sleep.for(until - monotonicMs())
  }

  /** @param aheadMs of the wall clock when the request was sent: the machine may have slept before the answer was read */
  #extendLease(untilMs: number, aheadMs: number): void {
    this.#leaseUntilMs = untilMs - Math.max(0, wallAheadMs() - aheadMs)
    this.#options.host.lease(this.#leaseUntilMs)
  }

  #enter(state: SeatState): void {
    if (!mayEnter(this.#state, state)) {
      throw new PoolError(ErrorCode.internal, `a seat cannot go from ${this.#state} to ${state}`, {
        groupId: this.groupId,
      })
    }
    this.#state = state
  }
}
