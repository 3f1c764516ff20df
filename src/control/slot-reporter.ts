import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import type { PoolError } from '../errors.js'
import type { Membership } from '../kafka/group.js'
import type { TopicPartition } from '../kafka/metadata.js'
import type { TopicPartitionOffset } from '../kafka/offsets.js'
import { fromErrorData } from '../protocol/error-data.js'
import type { PartitionReport } from '../protocol/messages.js'
import type { RecycleReason } from '../protocol/reports.js'
import { monotonicMs } from '../util/clock.js'
import { Episode } from '../util/episode.js'
import { partitionName } from '../util/partition-name.js'
import { RateLimit } from '../util/rate-limit.js'
import { unreachable } from '../util/unreachable.js'
import type { LetterFacts } from './dead-letters/letter.js'
import type { StoredAt } from './dead-letters/store.js'
import type { EventPartition, PoolEvents, SlotIdentity } from './events.js'
import { finishedUpTo, type Holding } from './holdings.js'
import type { SlotSeat } from './membership/slot-seat.js'
import { type Pause, retryInMsOf } from './pauses.js'
import type { DeadIncarnation, Recycling } from './supervision/recovery.js'
import type { Incarnations } from './threads/incarnations.js'

/** So many messages may be given up that their lines would fill the log; each has its event. */
const LETTER_LINES_PER_SECOND = 50

/** What each reason to recycle a thread means. */
const RECYCLED = {
  asked: 'somebody asked for it',
  memory: 'its heap was nearly full',
  rss: 'the process took more than maxRssMb, and this slot most of that',
  messages: 'recycle.afterMessages',
  time: 'recycle.afterMs',
} as const satisfies Record<RecycleReason, string>

/** Returns a promise of the end of what its listeners do, if they say when that is. */
export type Emit = <K extends keyof PoolEvents>(event: K, payload: PoolEvents[K][0]) => unknown

export interface SlotReporterOptions {
  readonly config: SlotConfig
  /** The one that the slot has now, or had last. */
  readonly seat: () => SlotSeat
  readonly incarnations: Incarnations
  readonly log: Logger
  readonly emit: Emit
}

/** Says what happens to a slot, as log lines and as events, always with the ids by which a broker knows it. */
export class SlotReporter {
  readonly #options: SlotReporterOptions
  readonly #log: Logger
  readonly #emit: Emit
  readonly #stall = new Episode()
  readonly #letters = new RateLimit(LETTER_LINES_PER_SECOND)

  constructor(options: SlotReporterOptions) {
    this.#options = options
    this.#log = options.log
    this.#emit = options.emit
  }

  joined(membership: Membership, protocol: string, leader: boolean): void {
    const event = { ...this.#slot, ...membership, clientId: this.#options.seat().clientId, protocol, leader }
    this.#log.info(event, 'joined the group')
    this.#emit('group:joined', event)
  }

  assigned(added: readonly TopicPartition[], removed: readonly TopicPartition[], all: readonly TopicPartition[]): void {
    const event = { ...this.#slot, ...this.#options.seat().membership }
    this.#log.info(
      { ...event, added: added.length, removed: removed.length, assigned: all.length },
      'assignment in force',
    )
    this.#emit('group:assigned', {
      ...event,
      added: added.map(coordinates),
      removed: removed.map(coordinates),
      assignment: all.map(coordinates),
    })
  }

  /** @returns a promise of the end of what the listeners do before the commit */
  async revoking(partitions: readonly TopicPartition[]): Promise<void> {
    const event = { ...this.#slot, ...this.#options.seat().membership }
    await this.#emit('group:revoking', { ...event, partitions: partitions.map(coordinates) })
  }

  lost(partitions: readonly TopicPartition[], reason: string): void {
    const event = { ...this.#slot, ...this.#options.seat().membership, reason }
    this.#emit('group:lost', { ...event, partitions: partitions.map(coordinates) })
  }

  fenced(tries: number, retryInMs: number | null): void {
    const { groupId, memberId, instanceId } = this.#options.seat().membership
    const event = { ...this.#slot, groupId, memberId, instanceId, tries, retryInMs }
    this.#log.error(event, 'fenced: another member uses the same group.instance.id')
    this.#emit('group:fenced', event)
  }

  ready(all: readonly TopicPartition[]): void {
    const event = { ...this.#identity(), threadId: this.#options.incarnations.current?.threadId ?? -1 }
    this.#log.info({ ...event, assigned: all.length }, 'slot ready')
    this.#emit('slot:ready', { ...event, assignment: all.map(coordinates) })
  }

  recovered(afterMs: number, by: 'handover' | 'rejoin'): void {
    const event = { ...this.#identity(), afterMs, by }
    this.#log.info({ ...event, afterMs: Math.round(afterMs) }, 'slot recovered')
    this.#emit('slot:recovered', event)
  }

  /** @param afterMs from its last message until its replacement had taken over */
  recycled({ reason, finished, memory, ...retired }: Recycling, afterMs: number): void {
    const event = { ...this.#identity(retired), reason, finished, memory, afterMs }
    this.#log.info({ ...event, afterMs: Math.round(afterMs) }, `slot recycled: ${RECYCLED[reason]}`)
    this.#emit('slot:recycled', event)
  }

  /** @param restartInMs null when it is parked instead */
  crashed({ error, inFlight, finishedSinceStart, ...dead }: DeadIncarnation, restartInMs: number | null): void {
    const event = { ...this.#identity(dead), error, inFlight, finished: finishedSinceStart, restartInMs }
    const { error: _, ...rest } = event
    this.#log.error({ err: error, ...rest }, 'slot crashed')
    this.#emit('slot:crashed', event)
  }

  /** @param holdings where messages wait and nothing moves */
  stalled(holdings: readonly Holding[], nowMs: number): void {
    if (holdings.length === 0) {
      const stalledMs = this.#stall.ended(nowMs)
      if (stalledMs !== null)
        this.#log.info({ ...this.#identity(), stalledMs: Math.round(stalledMs) }, 'no longer stalled')
      return
    }
    const word = this.#stall.happened(nowMs)
    if (word === null) return
    const partitions = holdings.map((holding) => ({
      ...coordinates(holding),
      offset: finishedUpTo(holding).toString(),
    }))
    const event = { ...this.#identity(), partitions }
    this.#log.warn(event, 'messages wait and nothing moves, and it is no handler that they wait for')
    if (word === 'begins') this.#emit('slot:stalled', event)
  }

  parked(error: PoolError, retryInMs: number | null): void {
    const { groupId, groupInstanceId: instanceId } = this.#options.config.consumer
    const event = { ...this.#slot, groupId, instanceId, retryInMs }
    const then = this.#options.config.fixed === null ? 'others take its partitions' : 'its partitions wait for it'
    this.#log.error({ err: error, ...event }, `slot parked: ${then}`)
    this.#emit('slot:parked', { ...event, error })
  }

  committed(offsets: readonly TopicPartitionOffset[], generation: number, tookMs: number): void {
    this.#emit('offsets:committed', {
      ...this.#slot,
      groupId: this.#options.config.consumer.groupId,
      generation,
      tookMs,
      offsets: offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: offset.toString() })),
    })
  }

  deadLettered(holding: Holding, { offset, attempts: attempt, reason, error }: LetterFacts, at: StoredAt): void {
    const event = { ...this.#identity(), ...coordinates(holding), offset, attempt, reason, error, deadLetter: at }
    if (this.#letters.allows(monotonicMs())) {
      const unreported = this.#letters.takeRefused()
      const often = attempt === 1 ? '1 attempt' : `${attempt} attempts`
      const more = unreported === 0 ? '' : ` (and ${unreported} others of which no line tells)`
      const to = `${partitionName(at)}@${at.offset}`
      const line = { ...event, error: undefined, err: fromErrorData(error) }
      this.#log.warn(line, `dead letter: ${partitionName(holding)}@${offset} went to ${to} after ${often}${more}`)
    }
    this.#emit('message:dead-lettered', event)
  }

  paused(holding: Holding, { reason, offset, error, attempts, retries, retryAtMs }: Pause, nowMs: number): void {
    const retryInMs = retryInMsOf(retryAtMs, nowMs) ?? (retryAtMs === null ? 0 : null)
    const event = { ...this.#identity(), ...coordinates(holding), reason, offset, attempts, retries, retryInMs }
    const then =
      retryInMs === null ? 'goes on when it is resumed' : `is tried again in ${Math.round(retryInMs / 1000)} s`
    const what = reason === 'dead-letter' ? 'waits for its dead letter' : 'stands still'
    this.#log.error(
      { err: error, ...event },
      `${partitionName(holding)} ${what} at offset ${offset} and ${then}; other partitions go on`,
    )
    this.#emit('partition:paused', { ...event, error })
  }

  resumed(holding: Holding, { offset, sinceMs }: Pause, nowMs: number): void {
    const event = { ...this.#identity(), ...coordinates(holding), offset, afterMs: nowMs - sinceMs }
    this.#log.info({ ...event, afterMs: Math.round(event.afterMs) }, 'the partition has moved on')
    this.#emit('partition:resumed', event)
  }

  /** What a thread said about a partition that the slot still holds. */
  heard(message: PartitionReport, holding: Holding): void {
    const where = { ...this.#identity(), ...coordinates(holding) }
    switch (message.type) {
      case 'failed': {
        const { offset, attempt, error, outcome, retryInMs } = message
        this.#emit('message:failed', { ...where, offset, attempt, error, outcome, retryInMs })
        return
      }
      case 'offset-reset':
        this.#emit('offset:reset', { ...where, from: message.from, to: message.to, reason: message.reason })
        return
      case 'partition-paused':
        return // told by `paused`, with its end
      default:
        unreachable(message)
    }
  }

  get #slot(): { readonly slot: number } {
    return { slot: this.#options.config.slot }
  }

  #identity(
    who: Pick<SlotIdentity, 'incarnation' | 'clientId'> | null = this.#options.incarnations.current,
  ): SlotIdentity {
    const { groupId, memberId, instanceId } = this.#options.seat().membership
    const incarnation = who?.incarnation ?? this.#options.incarnations.number
    return { ...this.#slot, incarnation, clientId: who?.clientId ?? '', groupId, memberId, instanceId }
  }
}

const coordinates = ({ topic, partition }: TopicPartition): EventPartition => ({ topic, partition })
