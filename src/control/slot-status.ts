import type { SlotConfig } from '../config/resolved.js'
import type { PoolError } from '../errors.js'
import { type Holding, lagOf, reached } from './holdings.js'
import type { Incarnations } from './incarnations.js'
import type { Seat } from './seat.js'
import type { PartitionStatus, SlotState, SlotStatus } from './status.js'

export const describePartition = (holding: Holding): PartitionStatus => ({
  topic: holding.topic,
  partition: holding.partition,
  committed: holding.committed < 0n ? null : holding.committed.toString(),
  finishedUpTo: reached(holding).toString(),
  position: holding.page.position(holding.index).toString(),
  lag: lagOf(holding)?.toString() ?? null,
  paused: holding.paused,
})

const byTopicAndPartition = (a: Holding, b: Holding): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1

/** A plain snapshot of one slot. */
export const describeSlot = (parts: {
  readonly config: SlotConfig
  readonly state: SlotState
  readonly seat: Seat
  readonly incarnations: Incarnations
  readonly holdings: readonly Holding[]
  readonly restarts: number
  readonly lastError: PoolError | null
  readonly stalled: boolean
}): SlotStatus => {
  const { config, state, seat, incarnations, holdings, restarts, lastError, stalled } = parts
  const { generation, memberId, instanceId } = seat.membership
  return {
    slot: config.slot,
    subscription: config.subscription,
    state,
    incarnation: incarnations.number,
    groupId: config.consumer.groupId,
    clientId: incarnations.thread?.clientId ?? null,
    threadId: incarnations.thread?.threadId ?? null,
    seat: {
      state: seat.state,
      clientId: seat.clientId,
      memberId,
      instanceId,
      generation,
      protocol: seat.protocol,
      leader: seat.isLeader,
    },
    assignment: [...holdings].sort(byTopicAndPartition).map(describePartition),
    inFlight: incarnations.thread?.ledger.flights().length ?? 0,
    ...incarnations.counters,
    restarts,
    lastError: lastError === null ? null : { code: lastError.code, message: lastError.message },
    stalled,
    config: incarnations.effective,
  }
}
