import fc from 'fast-check'
import { expect, test } from 'vitest'
import { letterOf, MOST_TEXT_BYTES } from '#src/control/dead-letters/letter.js'
import type { RawHeader, RawMessage } from '#src/kafka/raw-message.js'

const text = (of: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(of))
const facts = {
  ...{ topic: 'orders', partition: 3, offset: '17', groupId: 'g', attempts: 10 },
  reason: 'exhausted' as const,
  error: { name: 'TypeError', message: 'no', stack: 'TypeError: no\n    at x' },
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array))
const name = fc.oneof(bytes, fc.constantFrom('kcp-dlq-reason', 'kcp-dlq-', 'kcp-dl', 'kcp-replayed', '').map(text))
const header = fc.tuple(name, fc.option(bytes, { nil: null }))
const message: fc.Arbitrary<RawMessage> = fc.record({
  key: fc.option(bytes, { nil: null }),
  value: fc.option(bytes, { nil: null }),
  headers: fc.array(header, { maxLength: 12 }),
  timestamp: fc.bigInt({ min: -1n, max: 2n ** 60n }),
})

const isOurs = ([of]: RawHeader): boolean => Buffer.from(of).toString('latin1').startsWith('kcp-dlq-')
const shown = (headers: readonly RawHeader[]) =>
  headers.map(([of, value]) => [Buffer.from(of).toString(), value === null ? null : Buffer.from(value).toString()])

test('a letter is its message and what is said of it', () => {
  const plain = { key: text('k'), value: null, headers: [[text('a'), null]], timestamp: 5n } as const
  const letter = letterOf(plain, facts)
  expect(letter).toMatchObject({ key: plain.key, value: null, timestamp: 5n })
  expect(shown(letter.headers)).toEqual([
    ['a', null],
    ['kcp-dlq-topic', 'orders'],
    ['kcp-dlq-partition', '3'],
    ['kcp-dlq-offset', '17'],
    ['kcp-dlq-timestamp', '5'],
    ['kcp-dlq-group', 'g'],
    ['kcp-dlq-attempts', '10'],
    ['kcp-dlq-reason', 'exhausted'],
    ['kcp-dlq-error-class', 'TypeError'],
    ['kcp-dlq-error-message', 'no'],
    ['kcp-dlq-error-stack', 'TypeError: no\n    at x'],
  ])
})

test('its own headers are those of the message, in their order and as they were; what was said before is replaced', () => {
  fc.assert(
    fc.property(message, (of) => {
      const { headers, ...rest } = letterOf(of, facts)
      const { headers: before, ...own } = of
      expect(rest).toEqual(own)
      expect(headers.filter((each) => !isOurs(each))).toEqual(before.filter((each) => !isOurs(each)))
      expect(headers.filter(isOurs)).toHaveLength(10)
      expect(letterOf({ ...of, headers }, facts).headers).toEqual(headers) // however often it comes back
    }),
  )
})

test('what is said of an error takes 8 KB at most', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30_000, size: 'max' }), (long) => {
      const error = { name: long, message: long, stack: long }
      const { headers } = letterOf({ key: null, value: null, headers: [], timestamp: 0n }, { ...facts, error })
      const texts = headers.slice(-3).reduce((sum, [, value]) => sum + (value?.length ?? 0), 0)
      expect(texts).toBeLessThanOrEqual(MOST_TEXT_BYTES)
    }),
    { numRuns: 30 },
  )
})
