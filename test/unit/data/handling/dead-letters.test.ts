import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Handler } from '#src/data/handler.js'
import type { Partition } from '#src/data/partition.js'
import { Control } from '#src/protocol/ledger.js'
import type { FromThread } from '#src/protocol/messages.js'
import { range } from '../../../support/data/batches.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

const deadLetter = { topic: 'dead', partition: 'any', breaker: 10, resumeAfterMs: null } as const
const OPTIONS = { deadLetter, retry: { attempts: 2, initialDelayMs: 0, maxDelayMs: 0 } }

/** A thread whose handler fails at these offsets of partition 0, and notes the others. */
const world = (bad: readonly number[]) => {
  const handled: string[] = []
  const handler: Handler = ({ partition, offset }, { attempt }) => {
    handled.push(`${partition}@${offset}#${attempt}`)
    if (partition === 0 && bad.includes(Number(offset))) throw new TypeError('bad')
  }
  const bench = new DispatcherBench(handler, OPTIONS)
  const [first, second] = bench.assign({ partition: 0 }, { partition: 1 })
  if (first === undefined || second === undefined) throw new Error('no partition')
  const letters = () =>
    bench.posted.filter(
      (message): message is Extract<FromThread, { type: 'dead-letter' }> => message.type === 'dead-letter',
    )
  /** Main's part. */
  const store = (partition: Partition) => {
    const place = bench.pages.get(partition)
    const letter = letters().at(-1)
    if (place === undefined || letter === undefined) throw new Error('nothing to store')
    place.page.finishAt(place.index, BigInt(letter.offset))
    bench.turns.deadLettered(partition, true)
  }
  const untilItWaits = (partition: Partition) => soon('it waits', () => partition.handling === 'dead-lettering')
  return { bench, first, second, handled, letters, store, untilItWaits }
}

describe('a message that is given up', () => {
  test('is handed to main, as it was fetched, and nothing behind it begins before main has answered; others go on', async () => {
    const { bench, first, second, handled, letters, store, untilItWaits } = world([1])
    bench.feed(first, [0, 1, 2])
    await untilItWaits(first)
    bench.feed(second, [0])
    await soon('the other partition', () => bench.finishedUpTo(second) === 1)
    expect(letters()).toMatchObject([
      {
        ...{ partitionId: first.id, offset: '1', attempt: 2, reason: 'exhausted', follows: false },
        error: { name: 'TypeError', message: 'bad' },
        message: { key: null, headers: [], timestamp: 1_700_000_000_000n },
      },
    ])
    expect(Buffer.from(letters()[0]?.message.value ?? []).toString()).toBe('value 1')
    expect(bench.finishedUpTo(first)).toBe(1)
    expect(bench.ledger.flights()).toEqual([])
    expect(bench.ledger.counters).toMatchObject({ finished: 2, failed: 1, retried: 1 })

    store(first)
    await soon('the message behind it', () => bench.finishedUpTo(first) === 3)
    expect(handled.filter((name) => name.startsWith('0@'))).toEqual(['0@0#1', '0@1#1', '0@1#2', '0@2#1'])
    expect(bench.ledger.counters).toMatchObject({ finished: 3, failed: 1 }) // main counts the dead letter
  })

  test('is behind what is finished, with its epoch, when main hears of it', async () => {
    const { bench, first, untilItWaits } = world([7])
    bench.feed(first, [7])
    await untilItWaits(first)
    expect(bench.finishedUpTo(first)).toBe(7)
  })

  test('lets its partition go when it cannot be stored at once, and with it the memory', async () => {
    const { bench, first, untilItWaits } = world([1])
    bench.feed(first, [0, 1, 2])
    await untilItWaits(first)
    bench.turns.deadLettered(first, false)
    expect(first.handling).toBe('paused')
    expect(first.buffer.bytes).toBe(0)
    expect([bench.finishedUpTo(first), bench.position(first)]).toEqual([1, 1])
  })

  test('lets its partition go late, when main has stored it after all: it stays finished', async () => {
    const { bench, first, untilItWaits } = world([1])
    bench.feed(first, [0, 1, 2])
    await untilItWaits(first)
    const place = bench.pages.get(first)
    expect(place?.page.finishAt(place.index, 1n)).toBe(true)
    bench.turns.deadLettered(first, false)
    expect([first.handling, bench.finishedUpTo(first)]).toEqual(['paused', 2])
  })

  test('keeps its batch, and no more, when the memory is needed elsewhere', async () => {
    const { bench, first, store, untilItWaits, handled } = world([0])
    bench.feed(first, [0, 1])
    await untilItWaits(first)
    bench.feed(first, [2, 3])
    first.letGo()
    expect([first.buffer.bytes, first.fetching.offset]).toEqual([200, 2])
    store(first)
    await soon('the rest of the batch', () => bench.finishedUpTo(first) === 2)
    expect(handled).toEqual(['0@0#1', '0@0#2', '0@1#1'])
  })

  test('says whether it follows another one: nothing was finished between them, however many attempts there were', async () => {
    const { bench, first, store, letters, untilItWaits } = world([0, 1, 3])
    bench.feed(first, range(0, 4))
    for (let n = 0; n < 3; n++) {
      await untilItWaits(first)
      store(first)
    }
    await soon('the end', () => bench.finishedUpTo(first) === 4)
    expect(letters().map(({ offset, follows }) => [offset, follows])).toEqual([
      ['0', false],
      ['1', true],
      ['3', false],
    ])
  })

  test('whose partition is revoked meanwhile is nobody’s here any more', async () => {
    const { bench, first, store, untilItWaits, handled } = world([0])
    bench.feed(first, [0, 1])
    await untilItWaits(first)
    bench.revoke(first)
    store(first)
    await rounds(5)
    expect(handled).toEqual(['0@0#1', '0@0#2'])
    expect(first.dropped).toBe(true)
  })

  test('is finished during a rebalance, and the next one begins after it', async () => {
    const { bench, first, store, untilItWaits, handled } = world([0])
    bench.feed(first, [0, 1])
    await untilItWaits(first)
    bench.ledger.raise(Control.rebalance)
    await bench.dispatcher.quiesce()
    store(first)
    await rounds(5)
    expect([bench.finishedUpTo(first), handled.length]).toEqual([1, 2])
    bench.ledger.clear(Control.rebalance)
    bench.dispatcher.scheduleAll()
    await soon('the next one', () => bench.finishedUpTo(first) === 2)
  })

  test('holds no stop up', async () => {
    const { bench, first, untilItWaits } = world([0])
    bench.feed(first, [0])
    await untilItWaits(first)
    bench.ledger.raise(Control.stop)
    await bench.dispatcher.close()
    expect(bench.finishedUpTo(first)).toBe(0)
  })

  test.each([true, false])('that was cut off the log meanwhile is not finished (stored: %s)', async (stored) => {
    const { bench, first, letters, untilItWaits } = world([2])
    bench.feed(first, [0, 1, 2, 3])
    await untilItWaits(first)
    first.cutOff(1, 9)
    const place = bench.pages.get(first)
    expect(place?.page.finishAt(place.index, BigInt(letters()[0]?.offset ?? ''))).toBe(false)
    bench.turns.deadLettered(first, stored)
    await rounds(3)
    expect(bench.finishedUpTo(first)).toBe(1)
    expect(bench.faults).toEqual([])
    if (!stored) return
    bench.feed(first, [1])
    await soon('what stands there now', () => bench.finishedUpTo(first) === 2)
  })

  test('an answer that nobody waits for changes nothing', async () => {
    const { bench, first, handled } = world([])
    bench.feed(first, [0])
    await soon('it is finished', () => bench.finishedUpTo(first) === 1)
    bench.turns.deadLettered(first, true)
    bench.turns.deadLettered(first, false)
    expect([first.handling, bench.finishedUpTo(first), handled.length]).toEqual(['idle', 1, 1])
  })
})

test('whatever fails and whenever main answers: each message is handled in order, and finished once, by one of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 25 }),
      fc.array(fc.nat(3), { minLength: 25, maxLength: 25 }),
      async (fails, waits) => {
        const bad = fails.flatMap((each, offset) => (each ? [offset] : []))
        const { bench, first, handled, letters, store } = world(bad)
        const half = Math.ceil(fails.length / 2)
        bench.feed(first, range(0, half))
        let fed = half
        let answered = 0
        while (bench.finishedUpTo(first) < fails.length) {
          await rounds(1 + (waits[answered % waits.length] ?? 0))
          if (fed < fails.length && answered % 2 === 0) {
            bench.feed(first, range(fed, fails.length))
            fed = fails.length
          }
          if (first.handling === 'dead-lettering') {
            expect(bench.finishedUpTo(first)).toBe(Number(letters().at(-1)?.offset))
            store(first)
          }
          answered += 1
        }
        expect(letters().map(({ offset }) => Number(offset))).toEqual(bad)
        expect(handled).toEqual(
          fails.flatMap((each, offset) => (each ? [1, 2] : [1]).map((attempt) => `0@${offset}#${attempt}`)),
        )
        expect(bench.ledger.counters).toMatchObject({ finished: fails.length - bad.length, failed: bad.length })
        expect(bench.faults).toEqual([])
      },
    ),
    { numRuns: 60 },
  )
})
