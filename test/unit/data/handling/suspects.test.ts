import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Handler } from '#src/data/handler.js'
import type { Partition } from '#src/data/partition.js'
import { Control } from '#src/protocol/ledger.js'
import type { FromThread } from '#src/protocol/messages.js'
import { range } from '../../../support/data/batches.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

const suspect = (offset: number) => ({ suspect: { offset: String(offset) } })

/** A handler whose calls stay open until the test closes them; notes what was in flight beside each when it began. */
const openHandler = () => {
  const open = new Map<string, () => void>()
  const begun: string[] = []
  const handler: Handler = ({ partition, offset }) =>
    new Promise<void>((resolve) => {
      const name = `${partition}@${offset}`
      begun.push([name, ...open.keys()].join(' beside '))
      open.set(name, resolve)
    })
  const close = (name: string) => {
    open.get(name)?.()
    open.delete(name)
  }
  return { handler, open, begun, close }
}

describe('a suspect', () => {
  test('waits for what is in flight, and what comes behind it waits for it', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 3 })
    const [first, second, third] = bench.assign({ partition: 0 }, { partition: 1, ...suspect(0) }, { partition: 2 })
    if (first === undefined || second === undefined || third === undefined) throw new Error('no partition')
    bench.feed(first, [0, 1])
    await soon('the first begins', () => begun.length === 1)
    bench.feed(second, [0, 1])
    bench.feed(third, [0])
    await rounds(10)
    expect(begun).toEqual(['0@0'])
    close('0@0')
    await soon('the suspect begins', () => begun.length === 2)
    await rounds(10)
    expect(begun).toEqual(['0@0', '1@0'])
    close('1@0')
    await soon('the others go on', () => begun.length === 5)
    // Its neighbour in the partition is no suspect.
    expect(
      begun
        .slice(2)
        .map((name) => name.split(' ')[0])
        .sort(),
    ).toEqual(['0@1', '1@1', '2@0'])
    for (const name of ['0@1', '1@1', '2@0']) close(name)
    await soon('the end', () => bench.finishedUpTo(second) === 2 && bench.finishedUpTo(first) === 2)
    expect(bench.faults).toEqual([])
  })

  test('that returns no promise is alone, too, and its neighbours in the partition keep nobody waiting', async () => {
    const beside = new Map<string, number>()
    let inFlight = 0
    const handler: Handler = ({ partition, offset }) => {
      beside.set(`${partition}@${offset}`, inFlight)
      if (partition === 1 && offset === '0') return undefined
      inFlight++
      return new Promise(() => {})
    }
    const bench = new DispatcherBench(handler, { concurrency: 3 })
    const [first, second] = bench.assign({ partition: 0 }, { partition: 1, ...suspect(0) })
    if (first === undefined || second === undefined) throw new Error('no partition')
    bench.feed(second, [0, 1])
    bench.feed(first, [0])
    await soon('both are in flight', () => beside.size === 3)
    expect([beside.get('1@0'), second.suspect]).toEqual([0, null])
  })

  test('that fails is alone at every attempt', async () => {
    const beside: number[] = []
    let inFlight = 0
    const handler: Handler = async ({ partition }, { attempt }) => {
      if (partition === 0) beside.push(inFlight)
      inFlight++
      await rounds(2)
      inFlight--
      if (partition === 0 && attempt < 3) throw new Error('again')
    }
    const bench = new DispatcherBench(handler, { concurrency: 4 })
    const [first, ...others] = bench.assign({ partition: 0, ...suspect(0) }, { partition: 1 }, { partition: 2 })
    if (first === undefined) throw new Error('no partition')
    for (const other of others) bench.feed(other, range(0, 200))
    bench.feed(first, [0])
    await soon('it is finished', () => bench.finishedUpTo(first) === 1)
    await soon('the others', () => others.every((other) => bench.finishedUpTo(other) === 200))
    expect(beside).toEqual([0, 0, 0])
  })

  test('that is taken away while it waits keeps nobody waiting', async () => {
    const { handler, begun, close } = openHandler()
    const bench = new DispatcherBench(handler, { concurrency: 2 })
    const [first, second] = bench.assign({ partition: 0 }, { partition: 1, ...suspect(0) })
    if (first === undefined || second === undefined) throw new Error('no partition')
    bench.feed(first, [0, 1])
    await soon('the first begins', () => begun.length === 1)
    bench.feed(second, [0])
    await rounds(3)
    bench.revoke(second)
    close('0@0')
    await soon('the next one', () => begun.length === 2)
    expect(begun).toEqual(['0@0', '0@1'])
  })

  test('that was cut off the log is none any more', async () => {
    const bench = new DispatcherBench(() => {}, { concurrency: 2 })
    const [partition] = bench.assign({ partition: 0, offset: 5, ...suspect(7) })
    partition?.cutOff(6, 1)
    expect(partition?.suspect).toBeNull()
  })
})

test('whatever is suspect and whenever it comes: each is alone, in order, and nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ isSuspect: fc.boolean(), messages: fc.integer({ min: 1, max: 6 }) }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.integer({ min: 2, max: 5 }),
      fc.array(fc.nat(4), { minLength: 20, maxLength: 20 }),
      async (plans, concurrency, waits) => {
        let inFlight = 0
        let calls = 0
        let suspectsInFlight = 0
        const handled = plans.map((): number[] => [])
        const handler: Handler = async ({ partition, offset }) => {
          const isSuspect = plans[partition]?.isSuspect === true && offset === '0'
          if (isSuspect) expect(inFlight).toBe(0)
          expect(suspectsInFlight).toBe(0)
          inFlight++
          if (isSuspect) suspectsInFlight++
          handled[partition]?.push(Number(offset))
          await rounds(waits[calls++ % waits.length] ?? 0)
          inFlight--
          if (isSuspect) suspectsInFlight--
        }
        const bench = new DispatcherBench(handler, { concurrency })
        const partitions = bench.assign(
          ...plans.map(({ isSuspect }, partition) => ({ partition, ...(isSuspect ? suspect(0) : {}) })),
        )
        for (const [number, partition] of partitions.entries()) {
          await rounds(waits[number] ?? 0)
          bench.feed(partition, range(0, plans[number]?.messages ?? 0))
        }
        await soon('all are finished', () =>
          partitions.every((partition, number) => bench.finishedUpTo(partition) === plans[number]?.messages),
        )
        expect(handled).toEqual(plans.map(({ messages }) => range(0, messages)))
        expect(bench.faults).toEqual([])
      },
    ),
    { numRuns: 100 },
  )
})

describe('a convict', () => {
  const deadLetter = { topic: 'dead', partition: 'any', breaker: 10, resumeAfterMs: null } as const
  const error = { name: 'TypeError', message: 't-0@2 has killed 3 threads', stack: 'TypeError: where it was' }
  const convicted = { convicted: { offset: '2', deaths: 3, error } }

  const world = (more: object = {}, offset = 2) => {
    const handled: string[] = []
    const bench = new DispatcherBench(({ offset: at }) => void handled.push(at), more)
    const [partition] = bench.assign({ partition: 0, offset, ...convicted })
    if (partition === undefined) throw new Error('no partition')
    const letters = () =>
      bench.posted.filter((said): said is Extract<FromThread, { type: 'dead-letter' }> => said.type === 'dead-letter')
    return { bench, partition, handled, letters }
  }

  const store = (bench: DispatcherBench, partition: Partition) => {
    const place = bench.pages.get(partition)
    place?.page.finishAt(place.index, 2n)
    bench.turns.deadLettered(partition, true)
  }

  test('goes to the dead-letter topic as it is, without a call; its partition goes on behind it', async () => {
    const { bench, partition, handled, letters } = world({ deadLetter })
    bench.feed(partition, [2, 3])
    await soon('it waits', () => partition.handling === 'dead-lettering')
    expect(letters()).toMatchObject([{ offset: '2', attempt: 3, reason: 'killed', follows: false, error }])
    expect(Buffer.from(letters()[0]?.message.value ?? []).toString()).toBe('value 2')
    store(bench, partition)
    await soon('the next one', () => bench.finishedUpTo(partition) === 4)
    expect(handled).toEqual(['3'])
    expect(bench.ledger.counters).toMatchObject({ finished: 1, failed: 1 })
  })

  test('stops its partition, with what is hidden before it finished, when there is no such topic', async () => {
    const { bench, partition, handled } = world({}, 0)
    bench.feed(partition, [2, 3])
    await soon('it stands still', () => partition.handling === 'paused')
    await rounds(3)
    expect([handled, bench.finishedUpTo(partition), bench.posted]).toEqual([[], 2, []])
  })

  test('is known behind messages that have to be handled before, also when one of them fails', async () => {
    let failures = 0
    const handled: string[] = []
    const bench = new DispatcherBench(
      ({ offset }) => {
        if (offset === '1' && failures++ === 0) throw new Error('once')
        handled.push(offset)
      },
      { deadLetter },
    )
    const [partition] = bench.assign({ partition: 0, ...convicted })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, [0, 1])
    bench.feed(partition, [2, 3])
    await soon('it waits', () => partition.handling === 'dead-lettering')
    store(bench, partition)
    await soon('the next one', () => bench.finishedUpTo(partition) === 4)
    expect(handled).toEqual(['0', '1', '3'])
  })

  test('is not touched while nothing may begin', async () => {
    const { bench, partition, letters } = world({ deadLetter })
    bench.ledger.raise(Control.rebalance)
    bench.feed(partition, [2])
    await rounds(3)
    expect(letters()).toEqual([])
    bench.ledger.clear(Control.rebalance)
    bench.dispatcher.scheduleAll()
    await soon('it waits', () => partition.handling === 'dead-lettering')
  })

  test('that the log has no more is nobody: what stands there now is handled', async () => {
    const compacted = world({ deadLetter })
    compacted.bench.feed(compacted.partition, [4])
    await soon('the next one', () => compacted.bench.finishedUpTo(compacted.partition) === 5)
    const truncated = world({ deadLetter })
    truncated.partition.cutOff(1, 9)
    truncated.bench.feed(truncated.partition, [1, 2])
    await soon('what came instead', () => truncated.bench.finishedUpTo(truncated.partition) === 3)
    expect([...compacted.handled, ...truncated.handled]).toEqual(['4', '1', '2'])
  })

  test('is nobody in the log that has come in the place of its own: what stands at its offset there is handled', async () => {
    const { bench, partition, handled } = world({ deadLetter })
    expect(partition.fetching.offset).toBe(2)
    partition.moveTo(0, 9)
    bench.feed(partition, range(0, 4))
    await soon('all that is there now', () => bench.finishedUpTo(partition) === 4)
    expect(handled).toEqual(['0', '1', '2', '3'])
  })

  test('that is buffered when the log has become another one is given up still, and what stands at its offset then is not', async () => {
    const { bench, partition, handled, letters } = world({ deadLetter })
    bench.ledger.raise(Control.rebalance)
    bench.feed(partition, [2, 3])
    partition.moveTo(0, 9)
    bench.ledger.clear(Control.rebalance)
    bench.dispatcher.scheduleAll()
    await soon('it waits', () => partition.handling === 'dead-lettering')
    store(bench, partition)
    bench.feed(partition, range(0, 4))
    await soon('all that is there now', () => handled.length === 5)
    expect([handled, letters().length]).toEqual([['3', '0', '1', '2', '3'], 1])
  })

  test('is still nobody’s but its own when the log lost what was before it', async () => {
    const { bench, partition, handled, letters } = world({ deadLetter }, 0)
    partition.moveTo(1, 9)
    bench.feed(partition, [1, 2])
    await soon('it waits', () => partition.handling === 'dead-lettering')
    expect([handled, letters().length]).toEqual([['1'], 1])
  })
})

test('a suspect, and a batch that is not to be decoded, are nobody in the log that has come in the place of their own', () => {
  const bench = new DispatcherBench(() => {})
  const [partition] = bench.assign({ partition: 0, offset: 5, suspect: { offset: '6' }, stopsAt: '9' })
  if (partition === undefined) throw new Error('no partition')
  partition.moveTo(7, -1)
  expect([partition.suspect, partition.fetching.stopsAt]).toEqual([6, 9])
  partition.moveTo(3, -1)
  expect([partition.suspect, partition.fetching.stopsAt]).toEqual([6, undefined])
  const [other] = bench.assign({ partition: 1, offset: 5, suspect: { offset: '6' } })
  other?.moveTo(3, -1)
  expect(other?.suspect).toBeNull()
})
