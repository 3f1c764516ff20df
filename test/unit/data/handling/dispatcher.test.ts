import { describe, expect, test } from 'vitest'
import type { Handler } from '#src/data/handler.js'
import { NonRetriableError } from '#src/errors.js'
import type { MessageBatch } from '#src/kafka/fetch.js'
import { decodeRecordSet } from '#src/kafka/records/record-set.js'
import { Control } from '#src/protocol/ledger.js'
import { monotonicMs } from '#src/util/clock.js'
import { range } from '../../../support/data/batches.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'
import { encodeBatch } from '../../../support/kafka/record-encoder.js'

/** A batch with one message, by the decoder that threads use. */
const decodedBatch = async (value: string): Promise<MessageBatch> => {
  const set = encodeBatch({ baseOffset: 0, records: [{ offsetDelta: 0, value: Buffer.from(value) }] })
  const limits = { maxBytes: 1 << 20, maxDecompressedBytes: 1 << 20 }
  const place = { topic: 't', partition: 0, fetchOffset: 0 }
  const { batch: decoded } = await decodeRecordSet(set, { ...place, ...limits, aborted: [], codecs: new Map() })
  if (decoded === null) throw new Error('nothing was decoded')
  return decoded
}

/** A handler whose calls stay open until the test closes them. */
const openHandler = () => {
  const open = new Map<string, { resolve: () => void; reject: (error: unknown) => void; cancelled: () => boolean }>()
  const begun: string[] = []
  const handler: Handler = ({ topic, partition, offset }, context) =>
    new Promise<void>((resolve, reject) => {
      begun.push(`${topic}-${partition}@${offset}`)
      open.set(`${topic}-${partition}@${offset}`, { resolve, reject, cancelled: () => context.cancelled })
    })
  const close = (name: string) => {
    const call = open.get(name)
    if (call === undefined) throw new Error(`${name} is not open`)
    open.delete(name)
    return call
  }
  return { handler, begun, close, open }
}

const seen: string[] = []
const recording =
  (handler: Handler = () => {}): Handler =>
  (message, context) => {
    seen.push(`${message.partition}@${message.offset}`)
    return handler(message, context)
  }
const fresh = () => {
  seen.length = 0
}

describe('for metrics', () => {
  /** Whose handler takes so many ms of the bench's own clock for each offset, and how often that clock was read. */
  const timed = (takesMs: (offset: number) => number, handler: Handler = () => {}) => {
    const clock = { ms: 1_000, reads: 0 }
    const bench = new DispatcherBench(
      (message, context) => {
        clock.ms += takesMs(Number(message.offset))
        return handler(message, context)
      },
      {
        now: () => {
          clock.reads++
          return clock.ms
        },
      },
    )
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    return { bench, clock, partition }
  }

  test('each attempt counts with how long its handler ran, also the last one of a turn, and one that fails', async () => {
    const took = [0, 0.25, 0.5, 3, 40, 0.1]
    const { bench, partition } = timed(
      (offset) => took[offset] ?? 0,
      ({ offset }, { attempt }) => {
        if (offset === '3' && attempt === 1) throw new Error('once')
      },
    )
    bench.feed(partition, range(0, took.length))
    await soon('all are finished', () => bench.finishedUpTo(partition) === took.length)
    const { counts, sumMs, boundsMs } = bench.ledger.tally.handlers.counts
    expect(sumMs).toBeCloseTo(46.85)
    const nonZero = counts.flatMap((count, bucket) => (count === 0 ? [] : [[boundsMs[bucket], count]]))
    expect(nonZero).toEqual([
      [0.5, 4],
      [5, 2],
      [50, 1],
    ])
  })

  test('a handler that returns a promise counts until that is settled', async () => {
    const { bench, clock, partition } = timed(
      () => 0,
      async () => {
        await Promise.resolve()
        clock.ms += 70
      },
    )
    bench.feed(partition, [0])
    await soon('it is finished', () => bench.finishedUpTo(partition) === 1)
    expect(bench.ledger.tally.handlers.counts.sumMs).toBe(70)
  })

  test('the clock is read once for each message, and a few times for a turn', async () => {
    const { bench, clock, partition } = timed(() => 0)
    const messages = 1_000
    bench.feed(partition, range(0, messages))
    clock.reads = 0
    await soon('all are finished', () => bench.finishedUpTo(partition) === messages)
    expect(clock.reads).toBeLessThan(messages + 20)
  })

  test('the age of the last message of a turn counts, from its timestamp', async () => {
    const { bench, partition } = timed(() => 0)
    bench.feed(partition, range(0, 10))
    await soon('all are finished', () => bench.finishedUpTo(partition) === 10)
    const { counts, sumMs } = bench.ledger.tally.ages.counts
    expect(counts.at(-1)).toBe(1) // its messages are of 2023
    expect(sumMs).toBeLessThanOrEqual(Date.now() - 1_700_000_000_000)
  })

  test('not that of one behind which another failed: it would have the time of that one', async () => {
    const failing = (offset: number) => {
      if (offset === 2) throw new Error('no')
      return 0
    }
    const { bench, partition } = timed(failing)
    bench.feed(partition, range(0, 3))
    await soon('the last has failed', () => partition.failed !== null)
    expect(bench.ledger.tally.ages.counts.counts.every((count) => count === 0)).toBe(true)
  })
})

describe('messages', () => {
  test('of a partition are handled in order, and the next offset may be committed', async () => {
    fresh()
    const bench = new DispatcherBench(recording())
    const [partition] = bench.assign({ partition: 0, offset: 10 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(10, 13))
    bench.feed(partition, range(13, 15))
    await soon('all are finished', () => bench.finishedUpTo(partition) === 15)
    expect(seen).toEqual(['0@10', '0@11', '0@12', '0@13', '0@14'])
    expect(bench.ledger.counters).toEqual({ finished: 5, failed: 0, retried: 0 })
    expect(bench.ledger.flights()).toEqual([])
  })

  test('that are not shown are passed over, at the end of a batch and in a batch of nothing else', async () => {
    const bench = new DispatcherBench(() => {})
    const [first, second] = bench.assign({ partition: 0 }, { partition: 1 })
    if (first === undefined || second === undefined) throw new Error('no partition')
    bench.feed(first, [0, 4], 9)
    bench.feed(second, [], 5)
    await soon('both are passed over', () => bench.finishedUpTo(first) === 9 && bench.finishedUpTo(second) === 5)
  })

  test('are in flight in the ledger while they are handled, and finished before they leave it', async () => {
    const flights: unknown[] = []
    const bench: DispatcherBench = new DispatcherBench(() => {
      flights.push(...bench.ledger.flights().map(({ runningMs: _, ...flight }) => flight))
    })
    const [, partition] = bench.assign({ partition: 0 }, { partition: 1 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 1])
    await soon('both are finished', () => bench.finishedUpTo(partition) === 2)
    expect(flights).toEqual([
      { partitionId: 1, offset: 0n, attempt: 1 },
      { partitionId: 1, offset: 1n, attempt: 1 },
    ])
  })

  test('of several partitions are handled in turn, however fast the handler is', async () => {
    fresh()
    const bench = new DispatcherBench(
      recording(() => {
        const endMs = monotonicMs() + 4
        while (monotonicMs() < endMs);
      }),
    )
    const partitions = bench.assign({ partition: 0 }, { partition: 1 })
    for (const partition of partitions) bench.feed(partition, range(0, 12))
    await soon('all are finished', () => partitions.every((partition) => bench.finishedUpTo(partition) === 12))
    const switches = seen.filter((name, n) => name[0] !== seen[n - 1]?.[0]).length
    expect(switches).toBeGreaterThan(4)
  })

  test('of all partitions come soon after each other, and the event loop gets its turn no more often for that', async () => {
    fresh()
    let nowMs = 1_000
    const bench = new DispatcherBench(
      recording(() => {
        nowMs += 1
      }),
      { now: () => nowMs },
    )
    const partitions = bench.assign(...range(0, 5).map((partition) => ({ partition })))
    for (const partition of partitions) bench.feed(partition, range(0, 20))
    await rounds(2)
    expect(seen).toHaveLength(10)
    expect(new Set(seen.map((name) => name[0])).size).toBe(5)
    await soon('all are finished', () => partitions.every((partition) => bench.finishedUpTo(partition) === 20))
  })

  test('give way more often while an answer is arriving, and as long as more of it comes', async () => {
    let nowMs = 1_000
    let arriving = 0
    const begun: number[] = []
    const handler: Handler = () => {
      begun.push(arriving)
      nowMs += 1
    }
    const bench = new DispatcherBench(handler, { now: () => nowMs, arrivingBytes: () => arriving })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    const receive = setInterval(() => {}, 1_000)
    const chunks = (left: number) => {
      if (left === 0) return
      arriving += 64
      setImmediate(() => chunks(left - 1))
    }
    setImmediate(() => chunks(5))
    bench.feed(partition, range(0, 20))
    await soon('the first is handled', () => begun.length > 0)
    expect(begun[0]).toBe(5 * 64)
    const handled = begun.length
    await rounds(1)
    expect(begun.length - handled).toBeLessThanOrEqual(1)
    arriving = 0
    clearInterval(receive)
    await soon('all are finished', () => bench.finishedUpTo(partition) === 20)
  })

  test.each([
    ['1 ms while the first messages of a partition are awaited', true, 1],
    ['10 ms otherwise', false, 10],
  ])('give way after %s', async (_, awaits, most) => {
    let nowMs = 1_000
    let turn = 0
    const perTurn = new Map<number, number>()
    const handler: Handler = () => {
      perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1)
      nowMs += 1
    }
    const bench = new DispatcherBench(handler, { now: () => nowMs, awaitsFirst: () => awaits })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    const count = () => {
      turn++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    bench.feed(partition, range(0, 40))
    await soon('all are finished', () => bench.finishedUpTo(partition) === 40)
    clearImmediate(next)
    expect(Math.max(...perTurn.values())).toBe(most)
  })

  test('do not keep the event loop from other work for long', async () => {
    const bench = new DispatcherBench(() => {
      const endMs = monotonicMs() + 1
      while (monotonicMs() < endMs);
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(0, 100))
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await soon('all are finished', () => bench.finishedUpTo(partition) === 100)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
  })
})

describe('with concurrency', () => {
  test.each([
    ['synchronous', () => {}],
    ['asynchronous', () => Promise.resolve()],
  ])('8, %s handlers that need the CPU keep the event loop from other work for one slice, not for 8', async (_, end) => {
    let nowMs = 1_000
    const handler: Handler = () => {
      nowMs += 4
      return end()
    }
    const bench = new DispatcherBench(handler, { concurrency: 8, now: () => nowMs })
    const partitions = bench.assign(...range(0, 8).map((partition) => ({ partition })))
    for (const partition of partitions) bench.feed(partition, range(0, 50))
    const blockedMs: number[] = []
    while (partitions.some((partition) => bench.finishedUpTo(partition) < 50)) {
      const beganMs = nowMs
      await rounds(1)
      blockedMs.push(nowMs - beganMs)
    }
    expect(Math.max(...blockedMs)).toBeLessThanOrEqual(12)
  })

  test('1, one asynchronous handler is in flight at a time', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler)
    for (const partition of bench.assign({ partition: 0 }, { partition: 1 })) bench.feed(partition, [0, 1])
    await soon('one has begun', () => begun.length === 1)
    await rounds()
    expect(begun).toEqual(['t-0@0'])
    close('t-0@0').resolve()
    await soon('the next has begun', () => begun.length === 2)
  })

  test('2, two partitions have one each in flight, in their own rows of the ledger', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    for (const partition of bench.assign({ partition: 0 }, { partition: 1 }, { partition: 2 }))
      bench.feed(partition, [0, 1])
    await soon('two have begun', () => begun.length === 2)
    await rounds()
    expect(begun).toEqual(['t-0@0', 't-1@0'])
    expect(bench.ledger.flights().map(({ partitionId }) => partitionId)).toEqual([0, 1])
    close('t-1@0').resolve()
    await soon('a third has begun', () => begun.length === 3)
    expect(bench.ledger.flights().length).toBe(2)
  })
})

describe('a handler that fails', () => {
  test.each<[string, Handler]>([
    ['throws', () => throwing(new Error('no'))],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['throws null', () => throwing(null)],
    [
      'returns something whose `then` cannot be read',
      () => Object.defineProperty({}, 'then', { get: () => throwing(new Error('trap')) }),
    ],
  ])('because it %s is called again, with a higher attempt, and then its partition stands still', async (_, handler) => {
    const attempts: number[] = []
    const bench = new DispatcherBench((message, context) => {
      attempts.push(context.attempt)
      return handler(message, context)
    })
    const [partition] = bench.assign({ partition: 0, offset: 5 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(5, 9))
    await soon('it is exhausted', () => bench.posted.length === 3)
    expect(attempts).toEqual([1, 2, 3])
    expect(bench.posted).toMatchObject([
      { type: 'failed', partitionId: 0, offset: '5', attempt: 1, outcome: 'retry', retryInMs: 1 },
      { type: 'failed', partitionId: 0, offset: '5', attempt: 2, outcome: 'retry', retryInMs: 2 },
      { type: 'failed', partitionId: 0, offset: '5', attempt: 3, outcome: 'paused', retryInMs: null },
    ])
    await rounds()
    expect([bench.finishedUpTo(partition), bench.position(partition)]).toEqual([5, 5])
    expect(partition.buffer.bytes).toBe(0)
    expect(bench.ledger.counters).toEqual({ finished: 0, failed: 1, retried: 2 })
    expect(bench.ledger.flights()).toEqual([])
  })

  test('sees the message as it was fetched at each attempt, whatever it has assigned to it', async () => {
    const seen: unknown[] = []
    const bench = new DispatcherBench((message) => {
      seen.push(message.value?.toString())
      message.value = Buffer.from('parsed')
      throw new Error('and then something failed')
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    partition.buffer.push(await decodedBatch('as it was'))
    bench.dispatcher.schedule(partition)
    await soon('it is exhausted', () => bench.posted.length === 3)
    expect(seen).toEqual(['as it was', 'as it was', 'as it was'])
  })

  test('stands still with everything before it finished, offsets included that the broker has no message for', async () => {
    const bench = new DispatcherBench(({ offset }) => offset === '9' && throwing(new NonRetriableError('never')))
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 5, 9, 10])
    await soon('it is exhausted', () => partition.handling === 'paused')
    expect(bench.finishedUpTo(partition)).toBe(9)
  })

  test('is not called again after a NonRetriableError', async () => {
    const bench = new DispatcherBench(() => throwing(new NonRetriableError('never')))
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0])
    await soon('it is exhausted', () => bench.posted.length === 1)
    expect(bench.posted).toMatchObject([{ attempt: 1, outcome: 'paused' }])
  })

  test('at a message that was exhausted before is called once more, with the next attempt, and counted once', async () => {
    const attempts: number[] = []
    const bench = new DispatcherBench(({ offset }, { attempt }) => {
      attempts.push(attempt)
      if (offset === '5' && attempt < 12) throw new Error('still no')
    })
    const [again] = bench.assign({ partition: 0, offset: 5, exhausted: { offset: '5', attempts: 10 } })
    if (again === undefined) throw new Error('no partition')
    bench.feed(again, [5, 6])
    await soon('it stands still again', () => again.handling === 'paused')
    expect(bench.posted).toMatchObject([{ offset: '5', attempt: 11, outcome: 'paused', retryInMs: null }])
    expect(bench.ledger.counters).toEqual({ finished: 0, failed: 0, retried: 1 })
    bench.partitions.drop([again.id])
    const [mended] = bench.assign({ partition: 0, offset: 5, exhausted: { offset: '5', attempts: 11 } })
    if (mended === undefined) throw new Error('no partition')
    bench.feed(mended, [5, 6])
    await soon('it goes on', () => bench.finishedUpTo(mended) === 7)
    expect(attempts).toEqual([11, 12, 1])
  })

  test('at a message that had failed in the thread before this one goes on counting its attempts', async () => {
    const attempts: string[] = []
    const bench = new DispatcherBench(({ offset }, { attempt }) => {
      attempts.push(`${offset} attempt ${attempt}`)
      if (offset === '7') throw new Error('no')
    })
    const [taken] = bench.assign({ partition: 0, offset: 5, failed: { offset: '7', attempts: 2 } })
    if (taken === undefined) throw new Error('no partition')
    bench.feed(taken, [7, 8]) // 5 and 6 are not there any more
    await soon('it is exhausted', () => taken.handling === 'paused')
    expect(attempts).toEqual(['7 attempt 3'])
    expect(bench.posted).toMatchObject([{ offset: '7', attempt: 3, outcome: 'paused' }])
    expect(bench.ledger.counters).toEqual({ finished: 0, failed: 1, retried: 0 })
  })

  test('has all its attempts at another message than the exhausted one, which is not there any more', async () => {
    const attempts: number[] = []
    const bench = new DispatcherBench((_, { attempt }) => {
      attempts.push(attempt)
      throw new Error('no')
    })
    const [again] = bench.assign({ partition: 0, offset: 5, exhausted: { offset: '5', attempts: 10 } })
    if (again === undefined) throw new Error('no partition')
    bench.feed(again, [6])
    await soon('it stands still', () => again.handling === 'paused')
    expect([attempts, bench.ledger.counters]).toEqual([[1, 2, 3], { finished: 0, failed: 1, retried: 2 }])
  })

  test('goes on counting its attempts when its buffer was let go meanwhile, but for the same message only', async () => {
    const attempts: string[] = []
    const bench = new DispatcherBench(
      ({ offset }, { attempt }) => {
        attempts.push(`${offset} attempt ${attempt}`)
        if (attempt === 1) throw new Error('no')
      },
      { retry: { attempts: 3, initialDelayMs: 20, maxDelayMs: 20 } },
    )
    const [same, gone] = bench.assign({ partition: 0 }, { partition: 1 })
    if (same === undefined || gone === undefined) throw new Error('no partition')
    for (const [partition, fetchedAgain] of [
      [same, [0, 1]],
      [gone, [1, 2]], // the log was compacted
    ] as const) {
      attempts.length = 0
      bench.feed(partition, [0, 1])
      await soon('it waits', () => partition.handling === 'waiting')
      partition.letGo()
      expect(partition.buffer.empty).toBe(true)
      await soon('the pause is over', () => partition.handling === 'idle')
      bench.feed(partition, fetchedAgain)
      if (partition === same) {
        await soon('both are finished', () => bench.finishedUpTo(partition) === 2)
        expect(attempts).toEqual(['0 attempt 1', '0 attempt 2', '1 attempt 1', '1 attempt 2'])
      } else {
        await soon('both are finished', () => bench.finishedUpTo(partition) === 3)
        expect(attempts.slice(0, 3)).toEqual(['0 attempt 1', '1 attempt 1', '1 attempt 2'])
      }
    }
  })

  test('has its message passed over when onExhausted says skip', async () => {
    const bench = new DispatcherBench(({ offset }) => (offset === '1' ? throwing(new Error('no')) : undefined), {
      onExhausted: 'skip',
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(0, 3))
    await soon('all are finished', () => bench.finishedUpTo(partition) === 3)
    expect(bench.ledger.counters).toEqual({ finished: 3, failed: 1, retried: 2 })
    expect(bench.posted.at(-1)).toMatchObject({ offset: '1', outcome: 'skipped', retryInMs: null })
  })

  test('is a failure like any other, although nobody may even look at what was thrown', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const bench = new DispatcherBench(() => throwing(proxy), { onExhausted: 'skip' })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0])
    await soon('it is passed over', () => bench.finishedUpTo(partition) === 1 || bench.faults.length > 0)
    expect(bench.faults).toEqual([])
    expect(bench.posted.at(-1)).toMatchObject({ type: 'failed', attempt: 3, outcome: 'skipped' })
  })

  test('begins at attempt 1 again with the next message', async () => {
    const attempts: string[] = []
    const bench = new DispatcherBench(({ offset }, { attempt }) => {
      attempts.push(`${offset} attempt ${attempt}`)
      if (attempt === 1) throw new Error('no')
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 1])
    await soon('both are finished', () => bench.finishedUpTo(partition) === 2)
    expect(attempts).toEqual(['0 attempt 1', '0 attempt 2', '1 attempt 1', '1 attempt 2'])
  })

  test('holds up its own partition only', async () => {
    const bench = new DispatcherBench(({ partition }) => (partition === 0 ? throwing(new Error('no')) : undefined), {
      retry: { attempts: 2, initialDelayMs: 60_000, maxDelayMs: 60_000 },
    })
    const [failing, other] = bench.assign({ partition: 0 }, { partition: 1 })
    if (failing === undefined || other === undefined) throw new Error('no partition')
    bench.feed(failing, range(0, 3))
    bench.feed(other, range(0, 3))
    await soon('the other one is through', () => bench.finishedUpTo(other) === 3)
    expect(failing.handling).toBe('waiting')
    expect(bench.ledger.flights()).toEqual([])
    // Main sees that it waits for this and does not stand still for nothing.
    expect(bench.retryInMs(failing)).toBeGreaterThan(30_000)
    expect(bench.retryInMs(other)).toBe(0)
    await bench.dispatcher.close()
  })

  test('a million times a second is counted, but not reported a million times a second', async () => {
    const bench = new DispatcherBench(() => throwing('no'), {
      onExhausted: 'skip',
      retry: { attempts: 1, initialDelayMs: 1, maxDelayMs: 1 },
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(0, 5_000))
    await soon('all are passed over', () => bench.finishedUpTo(partition) === 5_000)
    expect(bench.ledger.counters.failed).toBe(5_000)
    expect(bench.posted.length).toBeLessThan(2_000)
  })
})

test('a freeze of the process counts neither against the message in flight nor in favour of the next one', async () => {
  let nowMs = 1_000
  const cancelled: boolean[] = []
  const bench: DispatcherBench = new DispatcherBench(
    ({ offset }, context) => {
      const { ledger } = bench
      if (offset === '0') {
        nowMs += 3_600_000
        ledger.extendLease(nowMs + 60_000)
      } else {
        ledger.looked(3_600_000, nowMs + 1_000)
        nowMs += 101
      }
      cancelled.push(context.cancelled)
    },
    { maxProcessingMs: 100, now: () => nowMs },
  )
  bench.ledger.looked(0, nowMs)
  const [partition] = bench.assign({ partition: 0 })
  if (partition === undefined) throw new Error('no partition')
  bench.feed(partition, [0, 1])
  await soon('both are finished', () => bench.finishedUpTo(partition) === 2)
  expect(cancelled).toEqual([false, true])
})

describe('a partition that will be taken away', () => {
  test('begins nothing any more, and what is in flight there counts, while the others notice nothing', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    const [leaving, kept] = bench.assign({ partition: 0 }, { partition: 1 })
    if (leaving === undefined || kept === undefined) throw new Error('no partition')
    for (const partition of [leaving, kept]) bench.feed(partition, [0, 1])
    await soon('both have begun', () => begun.length === 2)
    let quiet = false
    const revoked = bench.dispatcher.revoke([leaving.id]).then(() => {
      quiet = true
    })
    close('t-1@0').resolve()
    await soon('the kept one goes on', () => begun.includes('t-1@1'))
    expect(quiet).toBe(false)
    close('t-0@0').resolve()
    await revoked
    expect(bench.finishedUpTo(leaving)).toBe(1)
    await rounds()
    expect(begun).toEqual(['t-0@0', 't-1@0', 't-1@1'])
    close('t-1@1').resolve()
    await soon('the kept one is finished', () => bench.finishedUpTo(kept) === 2)
  })

  test('is not tried again when the message in flight fails', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler)
    const [leaving] = bench.assign({ partition: 0 })
    if (leaving === undefined) throw new Error('no partition')
    bench.feed(leaving, [0, 1])
    await soon('it has begun', () => begun.length === 1)
    const revoked = bench.dispatcher.revoke([leaving.id])
    close('t-0@0').reject(new Error('no'))
    await revoked
    await soon('the retry is due', () => leaving.handling === 'idle')
    await rounds()
    expect([begun.length, bench.finishedUpTo(leaving)]).toEqual([1, 0])
  })

  test('is given up at once where nothing is in flight, also when it is not held any more', async () => {
    const { handler, begun } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    const [leaving, busy] = bench.assign({ partition: 0 }, { partition: 1 })
    if (leaving === undefined || busy === undefined) throw new Error('no partition')
    bench.feed(busy, [0])
    await soon('the other has begun', () => begun.length === 1)
    await bench.dispatcher.revoke([leaving.id, 99])
    bench.feed(leaving, [0])
    await rounds()
    expect(begun).toEqual(['t-1@0'])
  })
})

describe('main waits until nothing of a partition is in flight', () => {
  test.each([[[0]], [null]])('of whatever assignment, and of no other one (%o)', async (partitions) => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 3 })
    const [first, other] = bench.assign({ partition: 0 }, { partition: 1 })
    if (first === undefined || other === undefined) throw new Error('no partition')
    for (const partition of [first, other]) bench.feed(partition, [0, 1])
    await soon('both have begun', () => begun.length === 2)
    bench.revoke(first)
    const [again] = bench.assign({ partition: 0 })
    if (again === undefined) throw new Error('no partition')
    void bench.dispatcher.revoke([again.id, other.id])
    const still: string[] = []
    const stood = bench.dispatcher.still('t', partitions).then(() => still.push('asked'))
    void bench.dispatcher.still('another', null).then(() => still.push('another'))
    void bench.dispatcher.still('t', [7]).then(() => still.push('none'))
    await rounds()
    expect(still.sort()).toEqual(['another', 'none'])
    if (partitions === null) close('t-1@0').resolve()
    await rounds()
    expect(still).not.toContain('asked')
    close('t-0@0').resolve()
    await stood
  })
})

describe('main halts the handling', () => {
  test('between two messages of a synchronous handler, without the event loop', async () => {
    const bench: DispatcherBench = new DispatcherBench(({ offset }) => {
      if (offset === '1') bench.ledger.raise(Control.rebalance)
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(0, 5))
    await soon('the first two are finished', () => bench.finishedUpTo(partition) === 2)
    await bench.dispatcher.quiesce()
    await rounds()
    expect(bench.finishedUpTo(partition)).toBe(2)
    bench.ledger.clear(Control.rebalance)
    bench.dispatcher.scheduleAll()
    await soon('the others are finished', () => bench.finishedUpTo(partition) === 5)
  })

  test('and is told when the handler in flight has come back', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    for (const partition of bench.assign({ partition: 0 }, { partition: 1 })) bench.feed(partition, [0, 1])
    await soon('both have begun', () => begun.length === 2)
    bench.ledger.raise(Control.rebalance)
    let quiet = false
    const quiesced = bench.dispatcher.quiesce().then(() => {
      quiet = true
    })
    close('t-0@0').resolve()
    await rounds()
    expect(quiet).toBe(false)
    close('t-1@0').reject(new Error('no'))
    await quiesced
    expect(bench.ledger.flights()).toEqual([])
    expect(begun.length).toBe(2)
  })

  test('and a retry that gets due meanwhile waits until it goes on, with its attempt', async () => {
    const attempts: number[] = []
    const bench = new DispatcherBench((_, { attempt }) => {
      attempts.push(attempt)
      if (attempt === 1) {
        bench.ledger.raise(Control.rebalance)
        throw new Error('no')
      }
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0])
    await soon('the retry is due', () => attempts.length === 1 && partition.handling === 'idle')
    await rounds()
    expect(attempts).toEqual([1])
    bench.ledger.clear(Control.rebalance)
    bench.dispatcher.scheduleAll()
    await soon('it is finished', () => bench.finishedUpTo(partition) === 1)
    expect(attempts).toEqual([1, 2])
  })

  test('and under stop no retry is waited for', async () => {
    const bench = new DispatcherBench(() => throwing(new Error('no')), {
      retry: { attempts: 2, initialDelayMs: 60_000, maxDelayMs: 60_000 },
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0])
    await soon('it waits', () => partition.handling === 'waiting')
    bench.ledger.raise(Control.stop)
    await bench.dispatcher.quiesce()
    expect(partition.handling).toBe('idle')
    expect(bench.retryInMs(partition)).toBe(0)
    expect(bench.finishedUpTo(partition)).toBe(0)
  })

  test('and a handler that gives up because of the stop exhausts nothing', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, {
      onExhausted: 'skip',
      retry: { attempts: 1, initialDelayMs: 1, maxDelayMs: 1 },
    })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 1])
    await soon('it has begun', () => begun.length === 1)
    bench.ledger.raise(Control.stop)
    const call = close('t-0@0')
    expect(call.cancelled()).toBe(false)
    bench.ledger.raise(Control.giveUp)
    expect(call.cancelled()).toBe(true)
    call.reject(new Error('aborted'))
    await bench.dispatcher.quiesce()
    expect(bench.finishedUpTo(partition)).toBe(0)
    expect(bench.posted).toEqual([])
    expect([bench.ledger.counters.failed, bench.ledger.givenUp]).toEqual([0, 1])
  })

  test.each([
    ['finishes after it was told to give up', Control.stop | Control.giveUp, 'resolve', 1],
    ['fails before it was told to', Control.stop, 'reject', 0],
  ] as const)('and a handler that %s has given nothing up', async (_, bits, outcome, finishedUpTo) => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler)
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0])
    await soon('it has begun', () => begun.length === 1)
    bench.ledger.raise(bits)
    const call = close('t-0@0')
    if (outcome === 'resolve') call.resolve()
    else call.reject(new Error('no luck'))
    await bench.dispatcher.quiesce()
    expect([bench.finishedUpTo(partition), bench.ledger.givenUp]).toEqual([finishedUpTo, 0])
  })
})

describe('a lease that is over', () => {
  test('lets no message begin until it is extended', async () => {
    fresh()
    const bench = new DispatcherBench(recording())
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.ledger.extendLease(monotonicMs() - 1)
    bench.feed(partition, [0, 1])
    await rounds(20)
    expect(seen).toEqual([])
    bench.ledger.extendLease(monotonicMs() + 60_000)
    await soon('both are finished', () => bench.finishedUpTo(partition) === 2)
  })

  test.each([
    ['a minute', 60_000],
    ['a month', 30 * 24 * 3_600_000],
  ])('is over as well when the machine was suspended for %s, which the monotonic clock does not see', async (_, sleptMs) => {
    fresh()
    let awakeMs = monotonicMs()
    let aheadMs = 1_795_000_000_000
    const bench = new DispatcherBench(recording(), { now: () => awakeMs, wallAhead: () => aheadMs })
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.ledger.extendLease(awakeMs + 45_000, aheadMs)
    bench.feed(partition, [0])
    await soon('the first is finished', () => bench.finishedUpTo(partition) === 1)
    aheadMs += sleptMs
    awakeMs += 10
    bench.feed(partition, [1])
    await rounds(20)
    expect(seen).toEqual(['0@0'])
    bench.ledger.extendLease(awakeMs + 45_000, aheadMs) // a heartbeat was answered
    awakeMs += 10
    await soon('the second is finished', () => bench.finishedUpTo(partition) === 2)
  })

  test('holds when the wall clock is set back, or forward by less than what is left of it', async () => {
    fresh()
    const nowMs = monotonicMs()
    for (const setByMs of [-3_600_000, 44_000]) {
      const bench = new DispatcherBench(recording(), { now: () => nowMs, wallAhead: () => 1_795_000_000_000 + setByMs })
      const [partition] = bench.assign({ partition: 0 })
      if (partition === undefined) throw new Error('no partition')
      bench.ledger.extendLease(nowMs + 45_000, 1_795_000_000_000)
      bench.feed(partition, [0])
      await soon('it is finished', () => bench.finishedUpTo(partition) === 1)
    }
  })
})

describe('a partition that is revoked', () => {
  test('is dropped between two messages of a synchronous handler, without the event loop', async () => {
    fresh()
    const bench: DispatcherBench = new DispatcherBench(
      recording(({ offset }) => {
        if (offset === '1' && revoked !== undefined) bench.revoke(revoked)
      }),
    )
    const [revoked, other] = bench.assign({ partition: 0 }, { partition: 1 })
    if (revoked === undefined || other === undefined) throw new Error('no partition')
    bench.feed(revoked, range(0, 5))
    bench.feed(other, range(0, 1))
    await soon('the other one is through', () => bench.finishedUpTo(other) === 1)
    expect(seen).toEqual(['0@0', '0@1', '1@0'])
    expect(bench.finishedUpTo(revoked)).toBe(1)
    expect(bench.ledger.control).toBe(0)
    expect([...bench.partitions]).toEqual([other])
  })

  test.each(['resolve', 'reject'] as const)('while its handler runs has the outcome dropped: %s', async (outcome) => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler)
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 1])
    await soon('it has begun', () => begun.length === 1)
    bench.revoke(partition)
    expect(close('t-0@0')[outcome](new Error('no') as never)).toBeUndefined()
    await bench.dispatcher.quiesce()
    await rounds()
    expect(bench.finishedUpTo(partition)).toBe(0)
    expect(bench.ledger.counters).toEqual({ finished: 0, failed: 0, retried: 0 })
    expect(bench.ledger.flights()).toEqual([])
    expect([bench.posted, begun.length]).toEqual([[], 1])
  })

  test('and comes back waits until the old handler has ended, while others go on', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    const [old] = bench.assign({ partition: 0 })
    if (old === undefined) throw new Error('no partition')
    bench.feed(old, [0, 1])
    await soon('it has begun', () => begun.length === 1)
    bench.partitions.drop([old.id])
    const [again, other] = bench.assign({ partition: 0 }, { partition: 1 })
    if (again === undefined || other === undefined) throw new Error('no partition')
    bench.feed(again, [0, 1])
    bench.feed(other, [0])
    await soon('the other one has begun', () => begun.length === 2)
    await rounds()
    expect(begun).toEqual(['t-0@0', 't-1@0'])
    close('t-0@0').resolve()
    await soon('the new one has begun', () => begun.length === 3)
    expect(bench.finishedUpTo(old)).toBe(0)
    close('t-0@0').resolve()
    await soon('the new one has finished its first', () => bench.finishedUpTo(again) === 1)
  })
})

const throwing = (thrown: unknown): never => {
  throw thrown
}
