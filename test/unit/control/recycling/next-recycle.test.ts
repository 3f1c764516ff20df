import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, nextRecycle, type RecycleScene } from '#src/control/recycling/next-recycle.js'

const candidate = (slot: number, more: Partial<Candidate> = {}): Candidate => ({
  ...{ slot, mayRecycle: true, isRecycling: false, isAsked: false, fill: 'fine', fillDueMs: Number.NEGATIVE_INFINITY },
  ...{ finished: 100, livedMs: 1_000, limits: { messages: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY } },
  ...more,
})

const scene = (candidates: readonly Candidate[], more: Partial<RecycleScene> = {}): RecycleScene => ({
  ...{ candidates, hasSpare: true, greediest: null, nowMs: 10_000 },
  ...more,
})

const BUSY = candidate(9, { mayRecycle: false, isRecycling: true })

test.each<[string, RecycleScene, ReturnType<typeof nextRecycle>]>([
  ['nobody is when nothing is wrong', scene([candidate(0)]), null],
  ['who is asked for', scene([candidate(0), candidate(1, { isAsked: true })]), { slot: 1, reason: 'asked' }],
  ['whose heap is full', scene([candidate(0, { fill: 'full' })]), { slot: 0, reason: 'memory' }],
  ['not before its time has come', scene([candidate(0, { fill: 'full', fillDueMs: 10_001 })]), null],
  ['not when it has finished nothing', scene([candidate(0, { fill: 'full', finished: 0 })]), null],
  ['who takes the most', scene([candidate(0), candidate(1)], { greediest: 1 }), { slot: 1, reason: 'rss' }],
  [
    'who has handled enough',
    scene([candidate(0, { limits: { messages: 100, ms: Number.POSITIVE_INFINITY } })]),
    { slot: 0, reason: 'messages' },
  ],
  [
    'who has lived long enough',
    scene([candidate(0, { limits: { messages: 101, ms: 1_000 } })]),
    { slot: 0, reason: 'time' },
  ],
  ['nobody while another one is', scene([BUSY, candidate(1, { isAsked: true })]), null],
  ['nobody before a spare is there', scene([candidate(1, { fill: 'full' })], { hasSpare: false }), null],
  [
    'who stands still because its heap is full to the brim, whatever goes on',
    scene([BUSY, candidate(0, { isAsked: true }), candidate(1, { fill: 'brimful' })], { hasSpare: false }),
    { slot: 1, reason: 'memory' },
  ],
  ['nobody whose thread does not work', scene([candidate(0, { fill: 'brimful', mayRecycle: false })]), null],
])('%s', (_who, given, expected) => {
  expect(nextRecycle(given)).toEqual(expected)
})

const anyCandidate = fc.record({
  mayRecycle: fc.boolean(),
  isAsked: fc.boolean(),
  fill: fc.constantFrom<Candidate['fill'][]>('fine', 'full', 'brimful'),
  fillDueMs: fc.constantFrom(0, 20_000),
  finished: fc.nat(200),
  livedMs: fc.nat(2_000),
  limits: fc.record({ messages: fc.constantFrom(50, Number.POSITIVE_INFINITY), ms: fc.constant(1_000) }),
})

test('however many there are: two are under way only when the second stood still', () => {
  fc.assert(
    fc.property(fc.array(anyCandidate, { maxLength: 8 }), fc.boolean(), (drawn, hasSpare) => {
      let candidates = drawn.map((each, slot) => candidate(slot, each))
      for (;;) {
        const next = nextRecycle(scene(candidates, { hasSpare }))
        if (next === null) return
        const chosen = candidates[next.slot]
        expect(chosen?.mayRecycle).toBe(true)
        if (chosen?.fill !== 'brimful')
          expect([hasSpare, candidates.some((each) => each.isRecycling)]).toEqual([true, false])
        candidates = candidates.map((each) =>
          each.slot === next.slot ? { ...each, mayRecycle: false, isRecycling: true } : each,
        )
      }
    }),
  )
})
