import type { GroupMeasures, PoolMeasures, SlotMeasures } from '../../control/measures.js'
import type { DurationCounts } from '../../protocol/durations.js'
import type { Labels } from './readings.js'

interface Metric {
  /** Without the prefix that all have. */
  readonly name: string
  /** One sentence. */
  readonly help: string
  readonly labels: readonly string[]
}

/** A metric of what the threads' ledgers say beside the status, read whenever somebody asks. */
export type MeasuredMetric =
  | (Metric & {
      readonly kind: 'gauge' | 'counter'
      readonly read: (measures: PoolMeasures) => readonly (readonly [Labels, number])[]
    })
  | (Metric & {
      readonly kind: 'histogram'
      readonly read: (measures: PoolMeasures) => readonly (readonly [Labels, DurationCounts])[]
    })

type Kind = 'gauge' | 'counter'
type OfSlot = (slot: SlotMeasures) => number | null

const slots = (name: string, kind: Kind, help: string, value: OfSlot): MeasuredMetric => ({
  ...{ name, kind, help, labels: ['group', 'slot'] },
  read: ({ slots: all }) =>
    all.flatMap((each) => {
      const known = value(each)
      return known === null ? [] : [[{ group: each.groupId, slot: each.slot }, known] as const]
    }),
})

const groups = (name: string, help: string, value: (group: GroupMeasures) => DurationCounts): MeasuredMetric => ({
  ...{ name, kind: 'histogram', help, labels: ['group'] },
  read: ({ groups: all }) => all.map((each) => [{ group: each.groupId }, value(each)]),
})

/** Every metric that comes from the measures. */
export const MEASURED: readonly MeasuredMetric[] = [
  groups('handler_duration_seconds', 'How long handlers ran, each attempt.', ({ handlers }) => handlers),
  groups(
    'message_age_seconds',
    'From the timestamp of a message until it was finished, of the last message of each turn.',
    ({ ages }) => ages,
  ),
  slots(
    'thread_busy_seconds_total',
    'counter',
    "For how long the slot's threads were busy.",
    ({ workedMs }) => workedMs / 1_000,
  ),
  slots(
    'fetched_bytes_total',
    'counter',
    'Batches that were fetched, as they were received.',
    (slot) => slot.fetchedBytes,
  ),
  slots(
    'buffered_bytes',
    'gauge',
    'Memory of what was fetched and is not handled yet.',
    ({ bufferedBytes }) => bufferedBytes,
  ),
  slots(
    'lease_left_seconds',
    'gauge',
    'For how long messages may begin without a sign of the coordinator; at 0 none begins.',
    ({ leaseLeftMs }) => (leaseLeftMs === null ? null : leaseLeftMs / 1_000),
  ),
]
