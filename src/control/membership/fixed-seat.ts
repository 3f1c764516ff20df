import type { Logger } from 'pino'
import type { FixedPartition } from '../../config/fixed-partitions.js'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { isRefusal } from '../../kafka/brokers/refusal-advice.js'
import type { ControlClient } from '../../kafka/client.js'
import { KafkaCode } from '../../kafka/error-codes.js'
import type { Membership } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { monotonicMs } from '../../util/clock.js'
import { Episode } from '../../util/episode.js'
import { partitionName } from '../../util/partition-name.js'
import { every } from '../../util/timers.js'
import { mayEnter } from '../../util/transitions.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { Coordinator } from './coordinator.js'
import { isGone } from './gone-partitions.js'
import type { Group } from './group.js'
import { Patience } from './patience.js'
import { isAboutMembership } from './reactions.js'
import { refusal } from './refusal.js'
import type { SeatHost } from './seat-host.js'
import { SEAT_TRANSITIONS, type SeatState } from './seat-states.js'
import { REFUSED_WAIT_MS } from './seat-times.js'
import { SeatTrouble } from './seat-trouble.js'
import type { SlotSeat } from './slot-seat.js'

/** What never ends is a lease that is always far away, well within the ticks that the ledger can count (24 days). */
const LEASE_MS = 10 * 86_400_000

/** What a commit is refused for that says nothing of whether others are taken: its topic is gone, or what stands beside an offset. */
const OF_ONE_COMMIT: readonly number[] = [KafkaCode.unknownTopicOrPartition, KafkaCode.offsetMetadataTooLarge]

const isForGood = (error: unknown): boolean =>
  error instanceof KafkaError && isRefusal(error) && !OF_ONE_COMMIT.includes(error.code)

export interface FixedSeatOptions {
  readonly config: SlotConfig
  /** In which the offsets are stored, and nobody is a member. */
  readonly group: Pick<Group, 'hearOfTopics'>
  readonly host: Pick<SeatHost, 'assigned' | 'lease' | 'refused'>
  /** The seat's own, under a fresh client id. */
  readonly client: ControlClient
  /** The coordinator has stored what the seat begins with. */
  readonly onBegun: () => void
  readonly log: Logger
}

/**
 * A slot's place where its partitions are fixed: nobody is asked for them and nobody takes them away, so there is no
 * JoinGroup, no heartbeat and no rebalance. As Java's consumer with `assign()` it stores its offsets without a generation
 * and a member id, which the coordinator accepts while the group has no members. So that it is known at the start, where
 * the slot begins is stored before any message does.
 *
 *   unjoined → assigned ⇄ refused → left
 */
export class FixedSeat implements SlotSeat {
  readonly protocol = ''
  readonly isLeader = false
  readonly #options: FixedSeatOptions
  readonly #partitions: readonly FixedPartition[]
  readonly #coordinator: Coordinator
  readonly #trouble: SeatTrouble
  readonly #refusals = new Episode()
  readonly #sleep = new WakeableSleep()
  #state: SeatState = 'unjoined'
  /** Those whose topic is not there, or has not so many. */
  #gone: ReadonlySet<string> = new Set()
  #isAssigned = false
  #begun = false
  #ended = false
  #renewal: NodeJS.Timeout | undefined
  #deafen: () => void = () => {}

  constructor(options: FixedSeatOptions) {
    const { config, client, log } = options
    this.#options = options
    this.#partitions = config.fixed ?? []
    this.#coordinator = new Coordinator(client, config.consumer.groupId)
    this.#trouble = new SeatTrouble(log)
  }

  get state(): SeatState {
    return this.#state
  }

  get clientId(): string {
    return this.#options.client.clientId
  }

  get membership(): Membership {
    return { groupId: this.#groupId, generation: -1, memberId: '', instanceId: null }
  }

  get isStable(): boolean {
    return this.isConfirmed
  }

  get hasBegun(): boolean {
    return this.#begun || this.#partitions.length === 0 || (this.#isAssigned && this.#present.length === 0)
  }

  get isConfirmed(): boolean {
    return this.mayCommit && this.hasBegun
  }

  get isRefused(): boolean {
    return this.#state === 'refused'
  }

  get mayCommit(): boolean {
    return this.#state === 'assigned' || this.#state === 'refused'
  }

  get freeCoordinator(): Coordinator | null {
    return this.mayCommit ? this.#coordinator : null
  }

  connect(): Promise<void> {
    return this.#options.client.connect()
  }

  start(): void {
    if (this.#ended) return
    this.#enter('assigned')
    this.#deafen = this.#options.group.hearOfTopics((found) => this.#see(found))
    void this.#begin()
  }

  drain(): void {
    this.#ended = true
    this.#sleep.wake()
  }

  /** Nobody else would get anything. */
  handOn(): void {}

  async leave(): Promise<void> {
    if (this.#state === 'left') return
    this.drain()
    this.#deafen()
    clearInterval(this.#renewal)
    if (this.#begun) this.#options.host.lease(monotonicMs()) // whoever comes next begins when its own start is stored
    this.#enter('left')
    this.#options.client.close()
  }

  committed(): void {
    if (!this.mayCommit) return
    this.#accepted()
    if (this.#begun) return
    this.#begun = true
    this.#renew()
    // Nobody else extends it, and what has slept for long begins as soon as it is awake.
    this.#renewal = every(() => this.#renew(), this.#options.config.consumer.heartbeatInterval)
    this.#options.onBegun()
  }

  commitRefused(error: unknown): void {
    if (this.mayCommit && (isAboutMembership(error) || isForGood(error))) void this.#refusedBy(error)
  }

  get #groupId(): string {
    return this.#options.config.consumer.groupId
  }

  #renew(): void {
    this.#options.host.lease(monotonicMs() + LEASE_MS)
  }

  /** Whoever may not see the group hears why, as a member would. */
  async #begin(): Promise<void> {
    const { host } = this.#options
    const patience = new Patience()
    while (!this.#ended) {
      try {
        await patience.during((limit) =>
          this.#coordinator.ask((client, node) =>
            client.committedOffsets(node, this.#groupId, this.#partitions, limit),
          ),
        )
        this.#trouble.over(this.membership)
        this.#accepted()
        break
      } catch (error) {
        if (this.#ended) return
        const { reaction, hasLasted } = this.#trouble.met(error, this.membership)
        if (hasLasted) await this.#refusedBy(error)
        if (!this.#ended) {
          await this.#sleep.for(reaction === 'refused' ? REFUSED_WAIT_MS : this.#trouble.nextDelayMs())
        }
      }
    }
    if (this.#ended) return
    this.#isAssigned = true
    host.assigned(this.#present, true, -1)
  }

  get #present(): readonly FixedPartition[] {
    return this.#partitions.filter((partition) => !this.#gone.has(partitionName(partition)))
  }

  /** The topics as they are now: what is not there cannot be consumed, and is new when it comes back. */
  #see(found: readonly TopicMetadata[]): void {
    const { host, log } = this.#options
    const before = this.#gone
    const gone = this.#partitions.filter((one) => isGone(one, found) ?? before.has(partitionName(one)))
    this.#gone = new Set(gone.map(partitionName))
    const lost = [...this.#gone].filter((name) => !before.has(name))
    const back = [...before].filter((name) => !this.#gone.has(name))
    if (lost.length > 0) {
      log.warn(
        { partitions: lost },
        'fixed partitions are gone: was their topic deleted? They go on when they are back',
      )
    }
    if (back.length > 0) log.info({ partitions: back }, 'fixed partitions are back')
    const isChanged = lost.length > 0 || back.length > 0
    if (isChanged && this.#isAssigned && !this.#ended) host.assigned(this.#present, true, -1)
  }

  #accepted(): void {
    const afterMs = this.#refusals.ended(monotonicMs())
    if (this.#state !== 'refused') return
    this.#enter('assigned')
    const sinceMs = afterMs === null ? {} : { afterMs: Math.round(afterMs) }
    this.#options.log.info({ groupId: this.#groupId, ...sinceMs }, 'the broker does not refuse the slot any more')
  }

  async #refusedBy(error: unknown): Promise<void> {
    const { config, host, log } = this.#options
    const reason = isAboutMembership(error) ? this.#hasMembers(error) : await refusal(error, config, this.#coordinator)
    if (!this.mayCommit) return
    if (this.#state !== 'refused') this.#enter('refused')
    const isTold = this.#refusals.happened(monotonicMs()) !== null
    log[isTold ? 'error' : 'debug']({ err: reason }, 'the broker refuses the slot; asking again and again')
    host.refused(reason)
  }

  #hasMembers(cause: unknown): PoolError {
    const groupId = this.#groupId
    return new PoolError(
      ErrorCode.brokerRefused,
      `the broker stores no offsets of fixed partitions (assign) in group "${groupId}", because that has members, or had some a moment ago. Give the subscription a groupId of its own, or stop those members; what is handled meanwhile is handled again after a restart`,
      { slot: this.#options.config.slot, groupId, cause },
    )
  }

  #enter(state: SeatState): void {
    if (!mayEnter(SEAT_TRANSITIONS, this.#state, state)) {
      throw new PoolError(ErrorCode.internal, `a seat cannot go from ${this.#state} to ${state}`, {
        groupId: this.#groupId,
      })
    }
    this.#state = state
  }
}
