import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nameOf, readLetter, replayOf, replaysOf } from '#src/cli/dlq/letter.js'
import { batchesOf, targetOf } from '#src/cli/dlq/replayer.js'
import { letterOf } from '#src/control/dead-letters/letter.js'
import type { RawHeader, RawMessage } from '#src/kafka/raw-message.js'

const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => new Uint8Array(array))
const text = (of: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(of))
const message: fc.Arbitrary<RawMessage> = fc.record({
  key: fc.option(bytes, { nil: null }),
  value: fc.option(bytes, { nil: null }),
  headers: fc.array(fc.tuple(bytes, fc.option(bytes, { nil: null })), { maxLength: 6 }),
  timestamp: fc.bigInt({ min: -1n, max: 2n ** 50n }),
})
const facts = {
  ...{ topic: 'orders', partition: 3, offset: '17', groupId: 'g', attempts: 10 },
  reason: 'exhausted' as const,
  error: { name: 'TypeError', message: 'no' },
}
const AT = { partition: 0, offset: 5n }

const isOurs = (header: RawHeader): boolean => nameOf(header).startsWith('kcp-')

describe('a dead letter that is replayed', () => {
  test('is the message that it was, byte for byte, with a count that grows each time', () => {
    fc.assert(
      fc.property(message, fc.nat(5), (of, times) => {
        fc.pre(!of.headers.some(isOurs))
        let back = of
        for (let n = 1; n <= times + 1; n++) {
          // The broker may have given it another time.
          const letter = readLetter({ ...letterOf(back, facts), timestamp: 99n }, AT)
          expect(letter.source).toEqual({ topic: 'orders', partition: 3, offset: '17' })
          back = replayOf(letter)
          const count: RawHeader = [text('kcp-replayed'), text(String(n))]
          expect(back).toEqual({ ...of, headers: [...of.headers, count] })
        }
        expect(replaysOf(readLetter(letterOf(back, facts), AT))).toBe(times + 1)
      }),
    )
  })

  test('whose count is none begins at one', () => {
    const odd = { key: null, value: null, headers: [[text('kcp-replayed'), text('many')]], timestamp: 1n } as const
    expect(nameOf(replayOf(readLetter(odd, AT)).headers[0] as RawHeader)).toBe('kcp-replayed')
    expect(replaysOf(readLetter(replayOf(readLetter(odd, AT)), AT))).toBe(1)
  })
})

test.each([
  ['without any header', []],
  ['with half of them', [[text('kcp-dlq-topic'), text('orders')]]],
  [
    'with a partition that is none',
    [
      [text('kcp-dlq-topic'), text('o')],
      [text('kcp-dlq-partition'), text('x')],
      [text('kcp-dlq-offset'), text('1')],
    ],
  ],
  [
    'of a topic that cannot be',
    [
      [text('kcp-dlq-topic'), text('\u001b[2J')],
      [text('kcp-dlq-partition'), text('1')],
      [text('kcp-dlq-offset'), text('1')],
    ],
  ],
  ['with a header without a value', [[text('kcp-dlq-topic'), null]]],
] as const)('a record %s is no dead letter', (_, headers) => {
  expect(readLetter({ key: null, value: null, headers, timestamp: 1n }, AT).source).toBeNull()
})

test('a message goes to the partition that it had, or to one that is there', () => {
  const topic = (count: number) => ({
    ...{ topic: 'orders', error: null },
    partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
  })
  const source = { topic: 'orders', partition: 3, offset: '17' }
  expect(targetOf(source, 'orders', topic(4))).toEqual({ topic: 'orders', partition: 3 })
  expect(targetOf(source, 'again', topic(2))).toEqual({ topic: 'again', partition: 1 })
})

test('batches hold all messages in their order, none too many or too large unless it is alone', () => {
  const sized = fc
    .nat(300_000)
    .map((length): RawMessage => ({ key: null, value: new Uint8Array(length), headers: [], timestamp: 1n }))
  fc.assert(
    fc.property(fc.array(sized, { maxLength: 30 }), (messages) => {
      const batches = batchesOf(messages.map((message) => ({ message }))).map((batch) =>
        batch.map(({ message }) => message),
      )
      expect(batches.flat()).toEqual(messages)
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0)
        const size = batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
        if (batch.length > 1) expect(size).toBeLessThanOrEqual(400_000)
      }
    }),
    { numRuns: 30 },
  )
  const empty: RawMessage = { key: null, value: null, headers: [], timestamp: 1n }
  const small = Array.from({ length: 450 }, () => ({ message: empty }))
  expect(batchesOf(small).map(({ length }) => length)).toEqual([200, 200, 50])
})
