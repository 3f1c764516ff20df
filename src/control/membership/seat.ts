import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { ControlClient } from '../../kafka/client.js'
import type { Membership } from '../../kafka/group.js'
import { monotonicMs } from '../../util/clock.js'
import { partitionName } from '../../util/partition-name.js'
import { every } from '../../util/timers.js'
import { mayEnter } from '../../util/transitions.js'
import { unreachable } from '../../util/unreachable.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { within } from '../../util/within.js'
import { ConsumedTopics } from './consumed-topics.js'
import { Coordinator } from './coordinator.js'
import type { Group } from './group.js'
import type { PartitionCounts } from './group-leader.js'
import { type Claim, NO_CLAIM } from './join-request.js'
import { JoinRounds, type Round } from './join-rounds.js'
import { Lease, now } from './lease.js'
import { Owned } from './owned.js'
import { isAboutMembership, reactionTo } from './reactions.js'
import { refusal } from './refusal.js'
import type { SeatHost } from './seat-host.js'
import { isMember, SEAT_TRANSITIONS, type SeatState } from './seat-states.js'
import {
  EXPECTING_BEAT_MS,
  expectsMoreMs,
  FENCED_FORGOTTEN_MS,
  FENCED_TRIES,
  FENCED_WAIT_MS,
  LEAVE_TIMEOUT_MS,
  REFUSED_WAIT_MS,
} from './seat-times.js'
import { SeatTrouble } from './seat-trouble.js'
import type { SlotSeat } from './slot-seat.js'
import type { AskTopics } from './steady-topics.js'

export interface SeatOptions {
  readonly config: SlotConfig
  readonly group: Group
  readonly host: SeatHost
  readonly log: Logger
  /** The seat's own, under a fresh client id. */
  readonly client: ControlClient
  /** By way of the client that the pool shares, whose connection is free while a JoinGroup waits on that of the seat's own. */
  readonly coordinator: Coordinator
  readonly topics: AskTopics
  /** Those of its subscription. @default the ones that the configuration names */
  readonly consumed?: ConsumedTopics
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
export class Seat implements SlotSeat {
  readonly #options: SeatOptions
  readonly #sleep = new WakeableSleep()
  readonly #coordinator: Coordinator
  readonly #rounds: JoinRounds
  readonly #lease: Lease
  readonly #trouble: SeatTrouble
  readonly #owned: Owned
  readonly #isCooperative: boolean
  #state: SeatState = 'unjoined'
  #generation = -1
  /** The round by which the seat was last made a member. */
  #round: Round | null = null
  #mustJoin = true
  #draining = false
  #ended = false
  #nextBeatAtMs = 0
  /** Until when others may be giving up what it shall have; 0 once it has something. */
  #expectsUntilMs = 0
  #fencedTries = 0
  #loop: Promise<void> = Promise.resolve()
  #leaving: Promise<void> | null = null

  constructor(options: SeatOptions) {
    const { client, coordinator: poolCoordinator, config, group, host, topics, log } = options
    const { consumed = new ConsumedTopics(config) } = options
    this.#options = options
    this.#isCooperative = group.assignors.isCooperative(config.assignors)
    this.#coordinator = new Coordinator(client, this.groupId)
    this.#trouble = new SeatTrouble(log)
    this.#owned = new Owned(host, topics)
    this.#lease = new Lease(config.consumer.sessionTimeout, (untilMs) => host.lease(untilMs))
    const onAsk = () => {
      if (!this.#mayJoin) throw new PoolError(ErrorCode.poolStopped, 'the seat left before it had joined')
      group.pokeSiblings(this)
    }
    const coordinators = { coordinator: this.#coordinator, poolCoordinator }
    this.#rounds = new JoinRounds({ config, group, ...coordinators, topics, consumed, log, onAsk })
  }

  get groupId(): string {
    return this.#options.config.consumer.groupId
  }

  get instanceId(): string | null {
    return this.#options.config.consumer.groupInstanceId
  }

  /** Number of its subscription. */
  get subscription(): number {
    return this.#options.config.subscription
  }

  get state(): SeatState {
    return this.#state
  }

  /** `client.id` of the seat's client. */
  get clientId(): string {
    return this.#options.client.clientId
  }

  get isLeader(): boolean {
    return this.assignedFrom !== null
  }

  /** What the seat made the group's present assignment from; null when it does not lead. */
  get assignedFrom(): PartitionCounts | null {
    return this.#generation < 0 ? null : (this.#round?.assignedFrom ?? null)
  }

  /** Ids of all members of the group, while the seat leads it. */
  get members(): readonly string[] {
    return this.#round?.members ?? []
  }

  get protocol(): string {
    return this.#round?.protocol ?? ''
  }

  get isStable(): boolean {
    return this.#state === 'stable'
  }

  /** It has no assignment before it is a member. */
  get hasBegun(): boolean {
    return true
  }

  get mayCommit(): boolean {
    return this.#generation >= 0
  }

  /** False while no answer of the coordinator says that the membership still holds: no message may begin then. */
  get isConfirmed(): boolean {
    return isMember(this.#state) && this.#lease.isValid
  }

  /** The coordinator over the seat's own client; null while a JoinGroup that waits for others may keep everything else waiting. */
  get freeCoordinator(): Coordinator | null {
    return this.#state === 'stable' ? this.#coordinator : null
  }

  /** True while the broker does not let the seat in, or will not have it, or nobody can make an assignment for it. */
  get isRefused(): boolean {
    return this.#trouble.needsPerson
  }

  /** Who the seat is to the coordinator. Generation -1 while it is no member. */
  get membership(): Membership {
    return {
      groupId: this.groupId,
      generation: this.#generation,
      memberId: this.#rounds.memberId,
      instanceId: this.instanceId,
    }
  }

  /** Connects the client. Rejects when no broker can be reached. Not needed, but whoever awaits it hears why. */
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

  /** Heartbeats say it with authority. */
  committed(): void {}

  /** The coordinator may doubt the membership: it is asked. */
  commitRefused(error: unknown): void {
    if (isAboutMembership(error)) this.poke()
  }

  /** Joins again although the coordinator has not asked for it, in a way that makes the group rebalance. */
  rejoin(why: string): void {
    if (this.#draining) return
    this.#options.log.info({ groupId: this.groupId, why }, 'rejoining the group')
    this.#rounds.changeSubscription()
    this.#mustJoin = true
    this.#sleep.wake()
  }

  /** From now on the seat keeps its membership and follows the group, but does not become a member anew. */
  drain(): void {
    this.#draining = true
  }

  /**
   * Handlers of a draining seat take their time: others get all that nothing is in flight of, now or in the next rebalance,
   * and nothing else instead (as far as a leader of this package assigns). Only a cooperative protocol can do that.
   *
   * @param siblingsStay whether seats of the same pool go on, so that there is somebody to give it to @default false
   */
  handOn(siblingsStay = false): void {
    if (!this.#isCooperative || this.#owned.handsOn || this.#ended) return
    this.#owned.handOn()
    if (this.#generation < 0 || (this.#options.group.isAlone && !siblingsStay)) return
    this.#rounds.changeSubscription()
    this.#mustJoin = true
    this.#sleep.wake()
  }

  /**
   * Gives the membership up for good and closes the client. `sendLeave` tells the coordinator. Never rejects.
   *
   * @param siblingsStay whether seats of the same pool go on, and wait for what this one had @default false
   */
  leave(sendLeave: boolean, siblingsStay = false): Promise<void> {
    this.#leaving ??= this.#leave(sendLeave, siblingsStay)
    return this.#leaving
  }

  async #leave(sendLeave: boolean, siblingsStay: boolean): Promise<void> {
    const { coordinator, group, client } = this.#options
    const own = this.freeCoordinator
    const coordinators = own === null ? [coordinator] : [coordinator, own]
    this.#ended = true
    this.#enter('leaving')
    group.remove(this)
    this.#sleep.wake()
    const isTold = (await this.#rounds.canBeRemoved()) && sendLeave
    const untilMs = monotonicMs() + LEAVE_TIMEOUT_MS
    const told = isTold ? this.#sendLeave(coordinators, siblingsStay) : Promise.resolve()
    if (coordinators.length > 1) await within(told, LEAVE_TIMEOUT_MS)
    client.close()
    // The loop may be waiting for something that closing the client does not end.
    await within(Promise.all([told, this.#loop]), untilMs - monotonicMs())
    this.#rounds.forgetMemberId()
    this.#generation = -1
    this.#enter('left')
  }

  /** One of the connections may have gone silent; who hears it twice knows the member no more. */
  async #sendLeave(coordinators: readonly Coordinator[], siblingsStay: boolean): Promise<void> {
    const { group, log } = this.#options
    const member = this.membership
    const send = (to: Coordinator) => to.askPersistently((client, node) => client.leaveGroup(node, member))
    const left = Promise.any(coordinators.map(send))
    group.pokeSiblings(this)
    await left.catch((error: unknown) => {
      const price = siblingsStay ? '; nobody has its partitions before its session is over' : ''
      log[siblingsStay ? 'warn' : 'debug']({ err: error, ...member }, `could not leave the group${price}`)
    })
  }

  get #mayJoin(): boolean {
    return !this.#ended && !(this.#draining && this.#generation < 0)
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      try {
        if (this.#mustJoin && this.#mayJoin) await this.#join()
        else await this.#beat()
        this.#trouble.over(this.membership)
      } catch (error) {
        if (!this.#ended) await this.#recover(error).catch((fault: unknown) => this.#report(fault))
      }
    }
  }

  /** A fault of our own must neither end the loop nor spin in it. */
  #report(fault: unknown): Promise<void> {
    this.#options.log.error({ err: fault, ...this.membership }, 'fault in the seat; it goes on. Please report this')
    return this.#rest(this.#trouble.nextDelayMs())
  }

  async #beat(): Promise<void> {
    await this.#sleep.for(this.#nextBeatAtMs - monotonicMs())
    if (this.#ended || (this.#mustJoin && this.#mayJoin)) return
    const sent = now()
    this.#nextBeatAtMs = sent.atMs + this.#beatEveryMs
    if (this.#generation < 0) return
    await this.#coordinator.ask((client, node) => client.heartbeat(node, this.membership))
    if (!this.#ended) this.#lease.extend(sent)
  }

  get #beatEveryMs(): number {
    const { heartbeatInterval } = this.#options.config.consumer
    return monotonicMs() < this.#expectsUntilMs ? Math.min(EXPECTING_BEAT_MS, heartbeatInterval) : heartbeatInterval
  }

  async #join(): Promise<void> {
    const { group, host } = this.#options
    const begins = this.#state === 'stable'
    this.#enter(begins || this.#state === 'rebalancing' ? 'rebalancing' : 'joining')
    // Once for each rebalance (as Java's `needsJoinPrepare`): who has to ask again keeps the group waiting no longer.
    if (begins && !this.#isCooperative) await host.release()
    if (this.#isCooperative && this.#generation >= 0) await this.#owned.shed(begins && !this.isLeader)
    if (!this.#mayJoin) return
    // Until the assignment is known, what the slot holds and commits is that of the old generation.
    const round = await this.#whileConfirmed(this.#rounds.next(this.#claim))
    if ('outdated' in round) {
      group.noteGeneration(round.generation)
      this.rejoin(round.outdated)
    } else if (!this.#ended) await this.#take(round)
  }

  get #claim(): Claim {
    return this.#isCooperative && this.#generation >= 0 ? this.#owned.claim(this.#generation) : NO_CLAIM
  }

  /**
   * With a cooperative protocol messages go on being handled while the group waits for others. The connection of the JoinGroup
   * is of no use meanwhile; over the pool's the coordinator is asked whether the membership still holds.
   */
  async #whileConfirmed<T>(rounds: Promise<T>): Promise<T> {
    if (!this.#isCooperative) return rounds
    const confirming = every(() => void this.#confirm(), this.#options.config.consumer.heartbeatInterval)
    try {
      return await rounds
    } finally {
      clearInterval(confirming)
    }
  }

  async #confirm(): Promise<void> {
    const { membership } = this
    if (this.#state !== 'rebalancing') return
    const sent = now()
    try {
      await this.#options.coordinator.ask((client, node) => client.heartbeat(node, membership))
    } catch (error) {
      if (reactionTo(error) !== 'rejoin') return // the JoinGroup hears the same
    }
    if (isMember(this.#state) && this.#generation === membership.generation) this.#lease.extend(sent)
  }

  /** The seat is a member of a new generation. */
  async #take(round: Round): Promise<void> {
    const { config, group, host } = this.#options
    const kept = new Set(round.partitions.map(partitionName))
    const revoked = this.#claim.owned.filter((partition) => !kept.has(partitionName(partition)))
    const isNew = this.#generation < 0
    this.#round = round
    this.#owned.take(round.partitions)
    this.#generation = round.generation
    this.#mustJoin = round.serial !== this.#rounds.serial // somebody called rejoin() meanwhile
    if (round.partitions.length > 0) this.#expectsUntilMs = 0
    else if (isNew && this.#isCooperative) this.#expectsUntilMs = round.synced.atMs + expectsMoreMs(config.consumer)
    this.#nextBeatAtMs = round.synced.atMs + this.#beatEveryMs
    this.#lease.extend(round.synced)
    this.#enter('stable')
    group.noteGeneration(this.#generation)
    host.joined(this.membership, round.protocol, round.isLeader)
    if (revoked.length > 0) {
      // Of the new generation: nobody gets these before the next one, and that begins when the seat joins again.
      if (round.follows) await host.revoke(revoked)
      if (this.#ended) return
      this.#mustJoin = true
    }
    host.assigned(round.partitions, round.follows, this.#generation)
  }

  /** Decides what a failed request means. Everything else goes on in the loop. */
  async #recover(error: unknown): Promise<void> {
    const { reaction, isTold, hasLasted } = this.#trouble.met(error, this.membership)
    switch (reaction) {
      case 'rejoin':
        this.#mustJoin = true
        return
      case 'lost':
      case 'regenerate':
        this.#thrownOut(error, reaction === 'lost')
        return
      case 'fenced':
        await this.#fencedOut()
        return
      case 'refused':
        await this.#refusedBy(error, isTold)
        this.#nextBeatAtMs = 0
        await this.#rest(REFUSED_WAIT_MS)
        return
      case 'unassignable':
        if (hasLasted && !this.#ended) this.#options.host.refused(error as PoolError)
        await this.#rest(this.#trouble.nextDelayMs())
        return
      case 'retry':
        // Credentials may be mended within the session, so it is asked as often as ever.
        if (hasLasted) await this.#refusedBy(error, true)
        // Not even when the session must be over: a coordinator that was away may still know the member, and the lease
        // sees to it that nothing begins before it has said so.
        this.#nextBeatAtMs = 0
        await this.#rest(this.#trouble.nextDelayMs())
        return
      default:
        unreachable(reaction)
    }
  }

  async #refusedBy(error: unknown, isTold: boolean): Promise<void> {
    const { config, host, log } = this.#options
    this.#trouble.refused()
    const reason = await refusal(error, config, this.#coordinator)
    if (this.#ended) return
    if (isTold) log.error({ err: reason }, 'the broker refuses the slot; asking again and again')
    host.refused(reason)
  }

  /** Waits until it is woken. Leaving wakes only who sleeps already, so nobody may fall asleep after that. */
  async #rest(ms: number): Promise<void> {
    if (!this.#ended) await this.#sleep.for(ms)
  }

  #thrownOut(error: unknown, forgetMemberId: boolean): void {
    const reason = error instanceof Error ? error.message : String(error)
    const { log } = this.#options
    if (this.#state !== 'joining') log.warn({ reason, ...this.membership }, 'lost the membership in the group')
    this.#lose('lost', reason, forgetMemberId)
  }

  async #fencedOut(): Promise<void> {
    const memberForMs = monotonicMs() - (this.#round?.synced.atMs ?? 0)
    if (this.#state === 'stable' && memberForMs > FENCED_FORGOTTEN_MS) this.#fencedTries = 0
    this.#fencedTries += 1
    this.#lose('fenced', 'fenced: another member uses the same group.instance.id', true)
    const retryInMs = this.#fencedTries > FENCED_TRIES ? null : FENCED_WAIT_MS
    this.#options.host.fenced(this.#fencedTries, retryInMs)
    const until = monotonicMs() + FENCED_WAIT_MS
    while (!this.#ended && monotonicMs() < until) await this.#sleep.for(until - monotonicMs())
  }

  /** The membership is over. The member id is kept where the coordinator may still know it. */
  #lose(state: 'lost' | 'fenced', reason: string, forgetMemberId: boolean): void {
    this.#enter(state)
    this.#options.host.lost(reason)
    this.#generation = -1
    this.#mustJoin = true
    if (forgetMemberId) this.#rounds.forgetMemberId()
  }

  #enter(state: SeatState): void {
    if (!mayEnter(SEAT_TRANSITIONS, this.#state, state)) {
      throw new PoolError(ErrorCode.internal, `a seat cannot go from ${this.#state} to ${state}`, {
        groupId: this.groupId,
      })
    }
    this.#state = state
  }
}
