import { expect, it } from 'vitest'
import { type Outcome, report } from '#scripts/demo/report.js'
import type { Handling } from '#scripts/support/recorder.js'

const numbers = Array.from({ length: 100 }, (_, number) => number)
const messages = numbers.map((number) => ({
  path: `file-${number}`,
  bytes: 1_000_000,
  number,
  partition: 0,
  offset: number,
}))
const produced = [{ topic: 'demo', partition: 0, from: 0, to: 100 }]

/** 50 ms of work on a document, by one of two slots. */
const handled = (offset: number): Handling => {
  const startMs = 10_000 + Math.floor(offset / 2) * 50
  const owner = { pid: 1, ppid: 0, threadId: offset % 2, slot: offset % 2, incarnation: 1, attempt: 1 }
  const done = { endMs: startMs + 50, outcome: 'finished', result: 250_000 } as const
  return { topic: 'demo', partition: 0, offset, ...owner, startMs, ...done }
}
const record = numbers.map(handled)

/** A run in which all went well: 100 documents of 50 ms in 2.5 s on two slots, of which one crashed. */
const good: Outcome = {
  messages,
  slots: 2,
  record: [...record, { ...handled(50), incarnation: 0, startMs: 11_100, endMs: null, outcome: null }],
  sample: { documents: 10, bytes: 10_000_000, ms: 500 },
  crashes: 1,
  healedMs: [17.2],
  rebalances: 0,
  produced,
  committed: 100,
}

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
  const { lines, complete, verdict } = report({ ...good, record: record.filter(({ offset }) => offset !== 7) })
  expect([complete, lines[5]]).toEqual([false, 'lost          1'])
  expect(verdict).toContain('FAULT')
})

it.each([
  ['an offset that is not committed', { committed: 99 }],
  [
    'a message that never reached the topic',
    { produced: [{ topic: 'demo', partition: 0, from: 0, to: 99 }], committed: 99 },
  ],
])('%s is a fault', (_, seen) => {
  expect(report({ ...good, ...seen }).complete).toBe(false)
})
