import type { ResolvedConfig } from '../config/resolved.js'
import type { PoolStep } from './pool-states.js'
import { countsOf, type SlotSet } from './scaling/slot-set.js'
import { frozen, type PoolState, type PoolStatus, type SubscriptionStatus } from './status.js'

export interface PoolParts {
  readonly step: PoolStep
  readonly isEscalated: boolean
  readonly slots: SlotSet
  readonly config: ResolvedConfig
  /** What a subscription consumes. */
  readonly topicsOf: (subscription: number) => readonly string[]
  /** How many slots a subscription is to have. */
  readonly wantedOf: (subscription: number) => number
  readonly rebalances: number
  readonly lostThreads: number
}

const stateOf = ({ step, isEscalated, slots }: PoolParts): PoolState => {
  if (step !== 'starting' && step !== 'running') return step
  if (isEscalated) return 'escalated'
  return step === 'running' && !slots.staying.every(({ isHealthy }) => isHealthy) ? 'degraded' : step
}

/** A part of the sum would look like the whole: just after the start like nothing that waits. */
export const totalLag = (lags: readonly (string | null)[]): string | null => {
  const known = lags.filter((lag) => lag !== null)
  return known.length < lags.length ? null : known.reduce((total, lag) => total + BigInt(lag), 0n).toString()
}

const describeSubscription = ({ slots, config, topicsOf, wantedOf }: PoolParts, place: number): SubscriptionStatus => ({
  topics: topicsOf(place),
  slots: slots.staying.filter((slot) => slot.config.subscription === place).length,
  wanted: wantedOf(place),
  ...(config.workers[place] ?? { min: 0, max: 0 }),
})

/** A plain frozen snapshot of the whole pool. */
export const describePool = (parts: PoolParts): PoolStatus => {
  const slots = parts.slots.all.map((slot) => slot.status())
  const partitions = slots.flatMap((slot) => slot.assignment)
  return frozen({
    state: stateOf(parts),
    slots,
    subscriptions: parts.config.workers.map((_, place) => describeSubscription(parts, place)),
    totals: {
      ...countsOf(parts.slots.gone, slots),
      inFlight: slots.reduce((total, { inFlight }) => total + inFlight, 0),
      lag: totalLag(partitions.map(({ lag }) => lag)),
      rebalances: parts.rebalances,
      lostThreads: parts.lostThreads,
    },
  })
}
