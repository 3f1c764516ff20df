import type { SlotConfig } from '../config/resolved.js'
import type { PoolError } from '../errors.js'
import { toErrorData } from '../protocol/error-data.js'
import { monotonicMs } from '../util/clock.js'
import { finishedUpTo, type Holding, lagOf } from './holdings.js'
import type { SlotSeat } from './membership/slot-seat.js'
import { type Pause, retryInMsOf } from './pauses.js'
import type { PartitionPause, PartitionStatus, SlotStatus } from './status.js'
import type { Incarnations } from './threads/incarnations.js'

const describePause = (
  { reason, offset, error, attempts, retries, retryAtMs }: Pause,
  nowMs: number,
): PartitionPause => ({
  reason,
  offset,
  error: toErrorData(error),
  attempts,
  retries,
  retryInMs: retryInMsOf(retryAtMs, nowMs),
})

const describePartition = (holding: Holding, nowMs: number): PartitionStatus => ({
  topic: holding.topic,
  partition: holding.partition,
  committed: holding.committed < 0n ? null : holding.committed.toString(),
  finishedUpTo: finishedUpTo(holding).toString(),
  position: holding.page.position(holding.index).toString(),
  lag: lagOf(holding)?.toString() ?? null,
  paused: holding.paused === null ? null : describePause(holding.paused, nowMs),
  onHoldForMs: holding.onHoldSinceMs === null ? null : Math.round(nowMs - holding.onHoldSinceMs),
})

const byTopicAndPartition = (a: Holding, b: Holding): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1

/** A plain snapshot of one slot. */
export const describeSlot = ({
  config,
  state,
  seat,
  incarnations,
  holdings,
  deadLettered,
  lastError,
  ...plain
}: {
  readonly config: SlotConfig
  readonly seat: SlotSeat
  readonly incarnations: Incarnations
  readonly holdings: readonly Holding[]
  readonly deadLettered: number
  readonly lastError: PoolError | null
} & Pick<SlotStatus, 'state' | 'restarts' | 'recycles' | 'stalled' | 'waitingFor'>): SlotStatus => {
  const { counters, current } = incarnations
  const { generation, memberId, instanceId } = seat.membership
  const nowMs = monotonicMs()
  return {
    slot: config.slot,
    subscription: config.subscription,
    state,
    incarnation: incarnations.number,
    groupId: config.consumer.groupId,
    clientId: current?.clientId ?? null,
    threadId: current?.threadId ?? null,
    seat: {
      state: seat.state,
      clientId: seat.clientId,
      memberId,
      instanceId,
      generation,
      protocol: seat.protocol,
      leader: seat.isLeader,
    },
    assignment: [...holdings].sort(byTopicAndPartition).map((holding) => describePartition(holding, nowMs)),
    inFlight: current?.ledger.flights().length ?? 0,
    ...counters,
    finished: counters.finished + deadLettered,
    deadLettered,
    dropped: incarnations.dropped,
    ...plain,
    memory: current?.ledger.memory ?? null,
    lastError: lastError === null ? null : { code: lastError.code, message: lastError.message },
    config: incarnations.effective,
  }
}
