import { expect, it } from 'vitest'
import type { Work } from '#scripts/demo/journal.js'
import { type Outcome, report } from '#scripts/demo/report.js'

const work: Work = { bytesIn: 1_000_000, bytesOut: 250_000, ms: 50 }
const numbers = Array.from({ length: 100 }, (_, number) => number)

/** A run in which all went well: 100 documents of 50 ms in 2.5 s on two slots. */
const good: Outcome = {
  messages: 100,
  slots: 2,
  notes: {
    begun: new Map(numbers.map((number) => [number, number === 50 ? 2 : 1])),
    done: new Map(numbers.map((number) => [number, work])),
    firstAt: 10_000,
    lastAt: 12_500,
  },
  sample: { documents: 10, bytes: 10_000_000, ms: 500 },
  crashes: 1,
  healedMs: [17.2],
  rebalances: 0,
  offsets: { end: 100, committed: 100 },
}

const without = <V>(map: ReadonlyMap<number, V>, number: number) => new Map([...map].filter(([key]) => key !== number))

it('the table says what came out', () => {
  expect(report(good)).toEqual({
    lines: [
      'documents     100, 40 messages/s for 2.5 s',
      'bytes         100.0 MB in, 25.0 MB out: 75.0 MB saved (75 %)',
      'speed-up      2.00 × one thread on 2 slots: 100 % of a bare thread for each core',
      'crashes       1, healed after 17 ms',
      'rebalances    0',
      'lost          0',
      'repeated      1',
      'committed     100 of 100',
    ],
    verdict: 'Nothing was lost.',
    complete: true,
  })
})

it('a slower thread in the pool than outside of it lowers the speed-up', () => {
  const { lines } = report({ ...good, sample: { ...good.sample, ms: 400 } })
  expect(lines[2]).toContain('1.60 × one thread on 2 slots: 80 %')
})

it('a document that no handler finished is lost, even when its offset is committed', () => {
  const { lines, complete, verdict } = report({ ...good, notes: { ...good.notes, done: without(good.notes.done, 7) } })
  expect([complete, lines[5]]).toEqual([false, 'lost          1'])
  expect(verdict).toContain('FAULT')
})

it.each([
  ['an offset that is not committed', { end: 100, committed: 99 }],
  ['a message that never reached the topic', { end: 99, committed: 99 }],
])('%s is a fault', (_, offsets) => {
  expect(report({ ...good, offsets }).complete).toBe(false)
})
