import type { PoolStatus, SlotStatus } from '../control/status.js'
import { groupBy } from '../util/group-by.js'
import type { Hang } from './loop-watch.js'

/** One thing that was looked at, and what is wrong with it. */
export interface Check {
  readonly check: string
  readonly ok: boolean
  readonly reasons: readonly string[]
}

/** What a probe asks for. */
export interface Health {
  readonly ok: boolean
  readonly state: PoolStatus['state']
  readonly checks: readonly Check[]
  /** Of readiness: what somebody has paused, which is no trouble, in a sentence for each topic. */
  readonly onHold?: readonly string[]
}

const check = (name: string, reasons: readonly string[]): Check => ({
  check: name,
  ok: reasons.length === 0,
  reasons,
})

const health = (state: PoolStatus['state'], checks: readonly Check[]): Health => ({
  ok: checks.every(({ ok }) => ok),
  state,
  checks,
})

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** Whether the process can still do its work; what is not live is to be started again. */
export const liveness = (state: PoolStatus['state'], hang: Hang | null): Health =>
  health(state, [
    check('self-healing', state === 'escalated' ? ['the pool cannot heal itself (pool:escalated)'] : []),
    check(
      'main-loop',
      hang === null ? [] : [`the main thread stood still for ${seconds(hang.forMs)} until ${seconds(hang.agoMs)} ago`],
    ),
  ])

const lastError = ({ lastError: error }: SlotStatus): string => (error === null ? '' : `: ${error.message}`)

const slotFault = (slot: SlotStatus): string[] => {
  if (slot.state !== 'running') return [`slot ${slot.slot} is ${slot.state}${lastError(slot)}`]
  const { state } = slot.seat
  return state === 'stable' || state === 'rebalancing' || state === 'assigned'
    ? []
    : state === 'refused'
      ? [`slot ${slot.slot} cannot store its offsets in ${slot.groupId}${lastError(slot)}`]
      : [`slot ${slot.slot} is no member of ${slot.groupId} now: its seat is ${state}`]
}

const standingStill = ({ assignment }: SlotStatus): string[] =>
  assignment.flatMap(({ topic, partition, paused }) =>
    paused === null
      ? []
      : [`${topic}-${partition} stands still at offset ${paused.offset} (${paused.reason}): ${paused.error.message}`],
  )

const rebalancing = ({ slot, waitingFor }: SlotStatus): string[] =>
  waitingFor === null ? [] : [`slot ${slot} is in a rebalance that waits: ${waitingFor}`]

/** So many partitions are named; the status has all of them. */
const MOST_NAMED = 20

const onHold = (slots: PoolStatus['slots']): string[] => {
  const held = slots.flatMap(({ assignment }) => assignment).filter(({ onHoldForMs }) => onHoldForMs !== null)
  return [...groupBy(held, ({ topic }) => topic)].map(([topic, partitions]) => {
    const numbers = partitions.map(({ partition }) => partition).sort((a, b) => a - b)
    const more = numbers.length > MOST_NAMED ? ` and ${numbers.length - MOST_NAMED} more` : ''
    const longest = Math.max(...partitions.map(({ onHoldForMs }) => onHoldForMs ?? 0))
    const names = numbers.slice(0, MOST_NAMED).join(', ')
    return `${topic} ${names}${more}: paused by pool.pause() for ${seconds(longest)}`
  })
}

const IN_WORDS: Readonly<Partial<Record<PoolStatus['state'], string>>> = {
  degraded:
    'the pool is degraded: a thread has yet to do better than the one that died before it, or a topic cannot be read',
  escalated: 'the pool cannot heal itself (pool:escalated)',
}

const LOOKED_AT = ['pool', 'slots', 'partitions', 'progress', 'rebalance']

/** Whether all that the pool holds is being handled: that is so in the state `running`, and in no other. */
export const readiness = ({ state, slots }: PoolStatus): Health => ({
  ...health(state, state === 'running' ? LOOKED_AT.map((name) => check(name, [])) : lookedAt(state, slots)),
  onHold: onHold(slots),
})

const lookedAt = (state: PoolStatus['state'], slots: PoolStatus['slots']): readonly Check[] => {
  const found = [
    check('slots', slots.flatMap(slotFault)),
    check('partitions', slots.flatMap(standingStill)),
    check(
      'progress',
      slots.flatMap(({ slot, stalled }) => (stalled ? [`slot ${slot}: messages wait and nothing moves`] : [])),
    ),
    check('rebalance', slots.flatMap(rebalancing)),
  ]
  const isExplained = state === 'degraded' && found.some(({ ok }) => !ok)
  return [check('pool', isExplained ? [] : [IN_WORDS[state] ?? `the pool is ${state}`]), ...found]
}
