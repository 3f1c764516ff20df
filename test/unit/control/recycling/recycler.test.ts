import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RecyclableSlot, Recycler } from '#src/control/recycling/recycler.js'
import { type HeapFill, Ledger } from '#src/protocol/ledger.js'
import type { RecycleReason } from '#src/protocol/reports.js'

const MB = 2 ** 20

class FakeSlot implements RecyclableSlot {
  readonly config: RecyclableSlot['config']
  mayRecycle = true
  isRecycling = false
  isFreeing = false
  incarnation: { incarnation: number; ledger: Ledger; rss?: number } = { incarnation: 1, ledger: Ledger.create(1) }
  readonly reasons: RecycleReason[] = []

  constructor(slot: number, recycle: RecyclableSlot['config']['recycle'] = {}) {
    this.config = { slot, recycle }
  }

  recycle(reason: RecycleReason): boolean {
    this.reasons.push(reason)
    this.mayRecycle = false
    this.isRecycling = true
    return true
  }

  /** Its replacement has taken over. */
  replaced(): void {
    this.incarnation = { incarnation: this.incarnation.incarnation + 1, ledger: Ledger.create(1) }
    this.mayRecycle = true
    this.isRecycling = false
  }

  works(messages: number, usedMb = 10, fill: HeapFill = 'fine', externalMb = 0): void {
    for (let n = 0; n < messages; n++) this.incarnation.ledger.countFinished()
    const memory = { heapUsed: usedMb * MB, heapLimit: 512 * MB, external: externalMb * MB }
    this.incarnation.ledger.noteMemory(memory, fill, 0)
  }
}

const recycling = (...slots: FakeSlot[]) => {
  const lines: { readonly msg: string; readonly slot: number }[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const world = { slots, spares: 1, rssMb: 100, nowMs: 0 }
  const recycler = new Recycler({
    ...{ slots, log, maxRssMb: 1_000 },
    spares: () => world.spares,
    rss: () => world.rssMb * MB,
  })
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      world.nowMs += 250
      recycler.tick(world.nowMs)
    }
  }
  return { recycler, world, pass, lines }
}

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})

afterEach(() => {
  vi.restoreAllMocks()
})

test('a slot that is asked for is recycled when a spare is there, and once', () => {
  const slot = new FakeSlot(0)
  const { recycler, world, pass } = recycling(slot, new FakeSlot(1))
  world.spares = 0
  expect(recycler.ask(0, 0)).toBe(true)
  expect(recycler.ask(7, 0)).toBe(false)
  pass(10_000)
  expect(slot.reasons).toEqual([])
  world.spares = 1
  recycler.look(world.nowMs)
  expect(slot.reasons).toEqual(['asked'])
  expect(recycler.ask(0, world.nowMs)).toBe(false)
  slot.replaced()
  pass(10_000)
  expect(slot.reasons).toEqual(['asked'])
})

test('slots may come and go: what is known of those that stay is kept', () => {
  const slots = [new FakeSlot(0, { afterMs: 10_000 }), new FakeSlot(1, { afterMs: 10_000 })]
  const [first, second] = slots as [FakeSlot, FakeSlot]
  const { recycler, world, pass } = recycling(...slots)
  const live = world.slots
  pass(6_000)
  live.splice(0, 1)
  const third = new FakeSlot(2)
  live.push(third)
  expect(recycler.ask(0, world.nowMs)).toBe(false)
  expect(recycler.ask(2, world.nowMs)).toBe(true)
  third.replaced()
  pass(3_250)
  expect([first.reasons, second.reasons, third.reasons]).toEqual([[], ['time'], ['asked']])
})

test('a slot that goes while it is recycled because of the memory of the process keeps no other from that', () => {
  const slots = [new FakeSlot(0), new FakeSlot(1)]
  const [first, second] = slots as [FakeSlot, FakeSlot]
  first.works(1, 300)
  second.works(1, 400)
  const { world, pass } = recycling(...slots)
  world.rssMb = 1_100
  pass(500)
  expect([first.reasons, second.reasons]).toEqual([[], ['rss']])
  world.slots.splice(1, 1)
  pass(500)
  expect(first.reasons).toEqual(['rss'])
})

test('a slot that was asked for and whose thread died meanwhile has a fresh one already', () => {
  const slot = new FakeSlot(0)
  const { recycler, world, pass } = recycling(slot)
  world.spares = 0
  recycler.ask(0, 0)
  slot.replaced()
  pass(250)
  world.spares = 1
  pass(10_000)
  expect(slot.reasons).toEqual([])
})

test('threads are recycled after messages and time, each up to a fifth earlier, at random', () => {
  const [first, second] = [new FakeSlot(0, { afterMessages: 1_000 }), new FakeSlot(1, { afterMs: 100_000 })]
  const { pass } = recycling(first, second)
  pass(250)
  first.works(899)
  pass(80_000)
  expect([first.reasons, second.reasons]).toEqual([[], []])
  first.works(1)
  pass(250)
  expect(first.reasons).toEqual(['messages'])
  first.replaced()
  pass(10_000)
  expect(second.reasons).toEqual(['time'])
  expect(first.reasons).toHaveLength(1)
})

test('a leak is recycled as often as it fills a heap', () => {
  const slot = new FakeSlot(0)
  const { pass, lines } = recycling(slot)
  for (let n = 1; n <= 20; n++) {
    pass(250)
    slot.works(60, 450, 'full')
    pass(250)
    expect(slot.reasons).toHaveLength(n)
    slot.replaced()
  }
  expect(lines).toEqual([])
})

test('a handler that fills each heap at once is recycled less and less often, and it is said once what to raise', () => {
  const slot = new FakeSlot(0)
  const { pass, lines } = recycling(slot)
  for (let n = 0; n < 4 * 600; n++) {
    pass(250)
    if (slot.isRecycling) slot.replaced()
    slot.works(1, 450, 'full')
  }
  expect(slot.reasons.length).toBeLessThan(12)
  expect(lines).toHaveLength(1)
  expect(lines[0]?.msg).toContain('raise resourceLimits.maxOldGenerationSizeMb (512 now)')
})

test('a thread whose heap is full before its first message is not replaced by one like it, and it is said what to raise', () => {
  const slot = new FakeSlot(0)
  const { pass, lines } = recycling(slot)
  slot.works(0, 490, 'brimful')
  pass(600_000)
  expect(slot.reasons).toEqual([])
  expect(lines).toMatchObject([{ slot: 0, msg: expect.stringContaining('nearly full after 0 messages') }])
})

test('a slot with a process of its own takes what that takes, whatever its thread knows of', () => {
  const slots = [new FakeSlot(0), new FakeSlot(1)]
  const { world, pass } = recycling(...slots)
  for (const [slot, { incarnation }] of slots.entries()) incarnation.rss = (slot + 1) * 300 * MB
  slots[0]?.works(1, 200)
  slots[1]?.works(1, 100)
  world.rssMb = 1_100
  pass(500)
  expect(slots.map(({ reasons }) => reasons)).toEqual([[], ['rss']])
})

test('when the process takes too much the slot that takes the most is recycled, Buffers and all', () => {
  const slots = [new FakeSlot(0), new FakeSlot(1), new FakeSlot(2)]
  const { world, pass } = recycling(...slots)
  pass(250)
  slots[0]?.works(1, 300)
  slots[1]?.works(1, 20, 'fine', 700)
  world.rssMb = 1_200
  pass(250)
  expect(slots.map(({ reasons }) => reasons)).toEqual([[], [], []])
  pass(5_000)
  expect(slots.map(({ reasons }) => reasons)).toEqual([[], ['rss'], []])
  const greediest = slots[1]
  greediest?.replaced()
  if (greediest !== undefined) greediest.isFreeing = true
  pass(5_000)
  expect(slots.map(({ reasons }) => reasons)).toEqual([[], ['rss'], []])
  if (greediest !== undefined) greediest.isFreeing = false
  pass(500)
  expect(slots.map(({ reasons }) => reasons)).toEqual([['rss'], ['rss'], []])
  slots[0]?.replaced()
  world.rssMb = 500
  pass(60_000)
  expect(slots.map(({ reasons }) => reasons)).toEqual([['rss'], ['rss'], []])
})
