import type { PartitionStatus, PoolState, PoolStatus, SlotStatus } from '../../control/status.js'

export type Labels = Readonly<Record<string, string | number>>

/** A metric that is read from the pool's status whenever somebody asks. */
export interface Reading {
  /** Without the prefix that all have. */
  readonly name: string
  readonly kind: 'gauge' | 'counter'
  /** One sentence. */
  readonly help: string
  readonly labels: readonly string[]
  /** One series for each partition: only for who asks for them. */
  readonly byPartition?: boolean
  readonly read: (status: PoolStatus) => readonly (readonly [Labels, number])[]
}

const STATES: readonly PoolState[] = ['created', 'starting', 'running', 'degraded', 'escalated', 'stopping', 'stopped']
const SLOT_STATES = ['starting', 'running', 'restarting', 'parked', 'stopping', 'stopped'] as const

type OfSlot = (slot: SlotStatus) => number | null | undefined

/** One series for each slot of which the value is known. */
const slots = (name: string, kind: Reading['kind'], help: string, value: OfSlot): Reading => ({
  ...{ name, kind, help, labels: ['group', 'slot'] },
  read: (status) =>
    status.slots.flatMap((slot) => {
      const known = value(slot)
      return known === null || known === undefined ? [] : [[{ group: slot.groupId, slot: slot.slot }, known] as const]
    }),
})

interface Held extends PartitionStatus {
  readonly group: string
}

const held = ({ slots: all }: PoolStatus): readonly Held[] =>
  all.flatMap(({ groupId, assignment }) => assignment.map((partition) => ({ ...partition, group: groupId })))

/** The sum of a value by the topic of a group, and by what else `more` says; null where that is not known of one of them. */
const byTopic = (
  status: PoolStatus,
  value: (partition: Held) => number | null,
  more: (partition: Held) => Labels = () => ({}),
): readonly (readonly [Labels, number])[] => {
  const sums = new Map<string, { readonly labels: Labels; sum: number | null }>()
  for (const partition of held(status)) {
    const labels = { group: partition.group, topic: partition.topic, ...more(partition) }
    const key = JSON.stringify(labels)
    const { sum } = sums.get(key) ?? { sum: 0 }
    const own = value(partition)
    sums.set(key, { labels, sum: own === null || sum === null ? null : sum + own })
  }
  return [...sums.values()].flatMap(({ labels, sum }) => (sum === null ? [] : [[labels, sum] as const]))
}

const offsets = (name: string, help: string, value: (partition: Held) => string | null): Reading => ({
  ...{ name, kind: 'gauge', help, labels: ['group', 'topic', 'partition'], byPartition: true },
  read: (status) =>
    held(status).flatMap((each) => {
      const offset = value(each)
      const { group, topic, partition } = each
      return offset === null ? [] : [[{ group, topic, partition }, Number(offset)] as const]
    }),
})

/** Every metric that comes from the status. */
export const READINGS: readonly Reading[] = [
  {
    ...{ name: 'state', kind: 'gauge', labels: ['state'] },
    help: '1 for the state that the pool is in, 0 for the others.',
    read: ({ state }) => STATES.map((each) => [{ state: each }, each === state ? 1 : 0]),
  },
  {
    ...{ name: 'slots', kind: 'gauge', labels: ['state'] },
    help: 'Slots in each state.',
    read: (status) =>
      SLOT_STATES.map((each) => [{ state: each }, status.slots.filter(({ state }) => state === each).length]),
  },
  slots('slot_stalled', 'gauge', '1 while messages wait in the slot and nothing moves.', ({ stalled }) => +stalled),
  slots(
    'messages_finished_total',
    'counter',
    'Messages handled, skipped, or stored as dead letters.',
    (slot) => slot.finished,
  ),
  slots('messages_failed_total', 'counter', 'Messages whose attempts all failed.', (slot) => slot.failed),
  slots('messages_retried_total', 'counter', 'Attempts after the first one.', (slot) => slot.retried),
  slots(
    'messages_dead_lettered_total',
    'counter',
    'Messages stored in a dead-letter topic.',
    (slot) => slot.deadLettered,
  ),
  slots(
    'messages_dropped_total',
    'counter',
    'Messages whose partition went away while they were in flight.',
    (slot) => slot.dropped,
  ),
  slots('messages_in_flight', 'gauge', 'Messages that handlers have now.', (slot) => slot.inFlight),
  slots('slot_restarts_total', 'counter', 'Threads that were replaced after a crash.', (slot) => slot.restarts),
  slots('slot_recycles_total', 'counter', 'Threads that were replaced although they worked.', (slot) => slot.recycles),
  slots(
    'thread_heap_used_bytes',
    'gauge',
    "What the old generation of the thread's heap holds.",
    ({ memory }) => memory?.heapUsed,
  ),
  slots('thread_heap_limit_bytes', 'gauge', 'What it may hold.', ({ memory }) => memory?.heapLimit),
  slots(
    'thread_external_bytes',
    'gauge',
    'Buffers and other memory outside the heap.',
    ({ memory }) => memory?.external,
  ),
  {
    ...{ name: 'lag_messages', kind: 'gauge', labels: ['group', 'topic'] },
    help: 'Messages that wait in the partitions that the pool holds; absent until that is known of each of them.',
    read: (status) => byTopic(status, ({ lag }) => (lag === null ? null : Number(lag))),
  },
  {
    ...{ name: 'partitions', kind: 'gauge', labels: ['group', 'topic'] },
    help: 'Partitions that the pool holds.',
    read: (status) => byTopic(status, () => 1),
  },
  {
    ...{ name: 'partitions_paused', kind: 'gauge', labels: ['group', 'topic', 'reason'] },
    help: 'Partitions that stand still, by the reason.',
    read: (status) =>
      byTopic(
        status,
        ({ paused }) => (paused === null ? 0 : 1),
        ({ paused }) => ({ reason: paused?.reason ?? 'none' }),
      ).filter(([{ reason }]) => reason !== 'none'),
  },
  {
    ...{ name: 'partitions_on_hold', kind: 'gauge', labels: ['group', 'topic'] },
    help: 'Partitions that `pool.pause()` has paused, of those that the pool holds.',
    read: (status) => byTopic(status, ({ onHoldForMs }) => (onHoldForMs === null ? 0 : 1)),
  },
  {
    ...{ name: 'rebalances_total', kind: 'counter', labels: [] },
    help: "Generations of the pool's groups since its start was complete.",
    read: ({ totals }) => [[{}, totals.rebalances]],
  },
  {
    ...{ name: 'threads_lost_total', kind: 'counter', labels: [] },
    help: 'Threads that would not die and were left behind.',
    read: ({ totals }) => [[{}, totals.lostThreads]],
  },
  offsets(
    'partition_lag_messages',
    'Messages that wait in the partition; absent until that is known.',
    ({ lag }) => lag,
  ),
  offsets(
    'partition_committed_offset',
    'What the group has stored; absent when that is nothing.',
    ({ committed }) => committed,
  ),
  offsets('partition_finished_offset', 'The lowest offset that is not finished.', ({ finishedUpTo }) => finishedUpTo),
  offsets('partition_position_offset', 'The next offset to fetch.', ({ position }) => position),
]
