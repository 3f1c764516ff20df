import type { PoolState, PoolStatus } from '../control/status.js'
import { formatCount, formatRate } from './numbers.js'
import type { Color, Paint } from './paint.js'

/** A status of the pool and when it was taken. */
export interface Snapshot {
  readonly status: PoolStatus
  /** Monotonic. */
  readonly atMs: number
}

const STATE_COLORS: Readonly<Record<PoolState, Color>> = {
  created: 'dim',
  starting: 'cyan',
  running: 'green',
  degraded: 'yellow',
  escalated: 'red',
  stopping: 'cyan',
  stopped: 'dim',
}

const SEPARATOR = '  '

/** Messages finished per second between the two snapshots. */
export const messagesPerSecond = (before: Snapshot, now: Snapshot): number => {
  const elapsedMs = now.atMs - before.atMs
  const finished = now.status.totals.finished - before.status.totals.finished
  return elapsedMs <= 0 ? 0 : Math.max(0, (finished * 1_000) / elapsedMs)
}

type Part = readonly [text: string, color: Color | null]

/** What the line says, the most important first. Zeros that are good news stay plain, numbers that are not stand out. */
const parts = (before: Snapshot, now: Snapshot): Part[] => {
  const { state, slots, totals } = now.status
  if (slots.length === 0) return [[state, STATE_COLORS[state]]]
  const running = slots.filter((slot) => slot.state === 'running').length
  const partitions = slots.flatMap(({ assignment }) => assignment)
  const paused = partitions.filter((partition) => partition.paused !== null || partition.onHoldForMs !== null).length
  const stalled = slots.filter((slot) => slot.stalled).length
  const notable = (text: string, count: number): Part[] => (count === 0 ? [] : [[text, 'yellow']])
  return [
    [state, STATE_COLORS[state]],
    [`${running}/${slots.length} slots`, running === slots.length ? null : 'yellow'],
    [`${formatRate(messagesPerSecond(before, now))} msg/s`, 'bold'],
    [`lag ${totals.lag === null ? '?' : formatCount(totals.lag)}`, null],
    [`restarts ${formatCount(totals.restarts)}`, totals.restarts === 0 ? null : 'yellow'],
    ...notable(`${paused} partition${paused === 1 ? '' : 's'} paused`, paused),
    ...notable(`${stalled} stalled`, stalled),
    ...notable(`failed ${formatCount(totals.failed)}`, totals.failed),
    [`rebalances ${formatCount(totals.rebalances)}`, null],
    [`handled ${formatCount(totals.finished)}`, null],
  ]
}

/**
 * The pool in one line: what changed between two snapshots, and how things stand at the second.
 *
 * @param columns width of the terminal; what does not fit is left out, the least important first
 */
export const statusLine = (before: Snapshot, now: Snapshot, columns: number, paint: Paint): string => {
  const shown: string[] = []
  // A line as wide as the terminal would wrap on some of them.
  let room = columns - 1
  for (const [text, color] of parts(before, now)) {
    room -= text.length + (shown.length === 0 ? 0 : SEPARATOR.length)
    if (room < 0) break
    shown.push(color === null ? text : paint(color, text))
  }
  return shown.join(SEPARATOR)
}
