import type { PoolStep } from './pool-states.js'
import type { Slot } from './slot.js'
import { frozen, type PoolState, type PoolStatus, type SlotStatus } from './status.js'

export interface PoolParts {
  readonly step: PoolStep
  readonly isEscalated: boolean
  readonly slots: readonly Slot[]
  readonly rebalances: number
  readonly lostThreads: number
}

const stateOf = ({ step, isEscalated, slots }: PoolParts): PoolState => {
  if (step !== 'starting' && step !== 'running') return step
  if (isEscalated) return 'escalated'
  return step === 'running' && !slots.every(({ isHealthy }) => isHealthy) ? 'degraded' : step
}

/** A part of the sum would look like the whole: just after the start like nothing that waits. */
export const totalLag = (lags: readonly (string | null)[]): string | null => {
  const known = lags.filter((lag) => lag !== null)
  return known.length < lags.length ? null : known.reduce((total, lag) => total + BigInt(lag), 0n).toString()
}

/** A plain frozen snapshot of the whole pool. */
export const describePool = (parts: PoolParts): PoolStatus => {
  const slots = parts.slots.map((slot) => slot.status())
  const sum = (value: (slot: SlotStatus) => number) => slots.reduce((total, slot) => total + value(slot), 0)
  const partitions = slots.flatMap((slot) => slot.assignment)
  return frozen({
    state: stateOf(parts),
    slots,
    totals: {
      finished: sum((slot) => slot.finished),
      failed: sum((slot) => slot.failed),
      retried: sum((slot) => slot.retried),
      deadLettered: sum((slot) => slot.deadLettered),
      dropped: sum((slot) => slot.dropped),
      restarts: sum((slot) => slot.restarts),
      recycles: sum((slot) => slot.recycles),
      inFlight: sum((slot) => slot.inFlight),
      lag: totalLag(partitions.map(({ lag }) => lag)),
      rebalances: parts.rebalances,
      lostThreads: parts.lostThreads,
    },
  })
}
