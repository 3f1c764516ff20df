import { expect, test } from 'vitest'
import { Observer } from '#src/control/scaling/observer.js'
import type { Slot } from '#src/control/slot.js'
import type { PartitionStatus } from '#src/control/status.js'

const partition = (number: number, lag: string | null = '5'): PartitionStatus => ({
  ...{ topic: 't', partition: number, committed: null, finishedUpTo: '10', position: '12', lag, paused: null },
  onHoldForMs: null,
})

/** As much of a slot as is looked at. */
const fake = (slot: number, concurrency = 1, subscription = 0) => {
  const status = {
    ...{ slot, subscription, state: 'running', incarnation: 1, inFlight: 0 },
    ...{ seat: { state: 'stable' }, assignment: [partition(slot)] },
  }
  const incarnation = { workedMs: 0 }
  const config = { slot, subscription, concurrency }
  const asSlot = { config, incarnation, status: () => ({ ...status }) } as unknown as Slot
  return { status, incarnation, asSlot }
}

const observing = (slots: readonly ReturnType<typeof fake>[], isolation: 'thread' | 'process' = 'thread') => {
  const used = { cpuMs: 0 }
  const observer = new Observer({
    slots: { staying: slots.map(({ asSlot }) => asSlot) },
    ...{ cores: 2, isolation, cpuMs: () => used.cpuMs },
  })
  observer.look(1_000)
  return { observer, used }
}

test('of a slot it is seen how many handlers are in flight, and how many may be', () => {
  const [one, two] = [fake(0, 4), fake(1)]
  one.status.inFlight = 3
  const { observer } = observing([one, two])
  expect([...observer.of(0).slots]).toEqual([
    [0, { handlers: 3, concurrency: 4, thread: 0 }],
    [1, { handlers: 0, concurrency: 1, thread: 0 }],
  ])
})

test('what pool.pause has paused stands still', () => {
  const one = fake(0, 4)
  one.status.assignment = [partition(0), partition(1), { ...partition(2), onHoldForMs: 0 }]
  one.status.inFlight = 1
  const { partitions } = observing([one]).observer.of(0)
  expect(partitions.map(({ isPaused }) => isPaused)).toEqual([false, false, true])
})

test('it is seen how much a thread works, whatever is in flight at the moment; one that is new has done nothing yet', () => {
  const one = fake(0)
  const { observer } = observing([one])
  one.incarnation.workedMs = 900
  observer.look(2_000)
  expect(observer.of(0).slots.get(0)?.thread).toBe(0.9)
  one.status.incarnation = 2
  one.incarnation.workedMs = 950
  observer.look(3_000)
  expect(observer.of(0).slots.get(0)?.thread).toBe(0)
})

test('the cores that are used are those of the process, and of its children', () => {
  const [thread, child] = [fake(0), fake(0)]
  const [threads, children] = [observing([thread]), observing([child], 'process')]
  for (const [slot, { observer, used }] of [[thread, threads] as const, [child, children] as const]) {
    expect(observer.of(0).cpu).toBe(0)
    slot.incarnation.workedMs = 500
    used.cpuMs = 1_000
    observer.look(2_000)
  }
  expect([threads.observer.of(0).cpu, children.observer.of(0).cpu]).toEqual([0.5, 0.75])
})

test.each([
  ['stable', 'running', true],
  ['rebalancing', 'running', false],
  ['stable', 'restarting', true],
  ['joining', 'starting', false],
  ['left', 'parked', false],
])('with a seat that is %s in a slot that is %s it is settled: %s', (seat, state, isSettled) => {
  const one = fake(0)
  Object.assign(one.status, { state, seat: { state: seat } })
  expect(observing([one, fake(1)]).observer.of(0).isSettled).toBe(isSettled)
})

test('of partitions it is seen how far they are, what waits, and whether they stand still; and of each subscription its own', () => {
  const [one, other] = [fake(0), fake(1, 1, 1)]
  one.status.assignment = [partition(3, null)]
  const { observer } = observing([one, other])
  expect(observer.of(0).partitions).toEqual([{ name: 't-3', slot: 0, finishedUpTo: 10, lag: null, isPaused: false }])
  expect([...observer.of(1).slots.keys()]).toEqual([1])
})
