import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Suspect, Suspects } from '#src/control/supervision/suspects.js'
import { ErrorCode, PoolError } from '#src/errors.js'

const LIMIT = 3
const exit = new PoolError(ErrorCode.threadExited, 'the test says so')
const message = (offset: number, partition = 0): Suspect => ({ topic: 'orders', partition, offset: String(offset) })

/** Suspects of a pool that was made at 0. */
const bench = () => {
  const suspects = new Suspects(0)
  const die = (...inFlight: readonly Suspect[]) =>
    suspects.accuse({ inFlight, inCompany: false, error: exit }, LIMIT, 1_000).verdict
  const deathsOf = ({ topic, partition, offset }: Suspect) =>
    suspects.of({ topic, partition }, BigInt(offset)).message?.deaths ?? null
  return { suspects, die, deathsOf }
}

describe('a message', () => {
  test('is convicted when it has killed as many threads alone as it may, and not before', () => {
    const { suspects, die, deathsOf } = bench()
    expect([die(message(7)), die(message(7)), die(message(7))]).toEqual(['open', 'open', 'convicted'])
    expect(deathsOf(message(7))).toBe(LIMIT)
    expect(suspects.of(message(7), 7n).message).toMatchObject({ convictedAtMs: 1_000, error: { code: exit.code } })
  })

  test('that dies with others is handled alone, and not blamed for it', () => {
    const { die, deathsOf } = bench()
    const all = [message(7), message(1, 1), message(2, 2)] as const
    for (let times = 0; times < 5; times++) expect(die(...all)).toBe('open')
    expect(all.map(deathsOf)).toEqual([0, 0, 0])
    expect([die(all[1]), die(all[1]), die(all[1])]).toEqual(['open', 'open', 'convicted'])
    // Those that were with it are cleared: nothing else was held against them.
    expect(all.map(deathsOf)).toEqual([null, LIMIT, null])
  })

  test('that was with the convict at no death stays suspect', () => {
    const { die, deathsOf } = bench()
    die(message(1, 1), message(2, 2))
    die(message(3, 3), message(4, 4))
    for (let times = 0; times < LIMIT; times++) die(message(1, 1))
    expect([message(2, 2), message(3, 3), message(4, 4)].map(deathsOf)).toEqual([null, 0, 0])
  })

  test('that is not alone because of a handler of a partition that is somebody else’s by now is not blamed', () => {
    const { suspects, deathsOf } = bench()
    const death = { inFlight: [message(7)], inCompany: true, error: exit }
    expect(suspects.accuse(death, LIMIT)).toMatchObject({ killer: null, verdict: 'open' })
    expect(deathsOf(message(7))).toBe(0)
  })

  test('is no suspect any more when it is finished, nor is the next one for it', () => {
    const { suspects, die, deathsOf } = bench()
    die(message(7))
    die(message(7))
    expect(suspects.of(message(7), 8n).message).toBeNull()
    expect(deathsOf(message(7))).toBeNull()
    expect(die(message(8))).toBe('open')
    expect(deathsOf(message(8))).toBe(1)
  })

  test('that is tried again is convicted at the next death', () => {
    const { suspects, die } = bench()
    for (let times = 0; times < LIMIT; times++) die(message(7))
    suspects.tryAgain(message(7))
    expect(suspects.of(message(7), 7n).message?.convictedAtMs).toBeNull()
    expect(die(message(7))).toBe('convicted')
  })

  test.each([
    ErrorCode.handlerSetupFailed,
    ErrorCode.threadNotStarted,
    ErrorCode.startTimedOut,
    ErrorCode.handlerThrewOnImport,
  ])('has nothing to do with a death by %s', (code) => {
    const { suspects, deathsOf } = bench()
    const death = { inFlight: [message(7)], inCompany: false, error: new PoolError(code, 'the test says so') }
    expect(suspects.accuse(death, LIMIT)).toEqual({ repeated: false, killer: null, verdict: undefined })
    expect(deathsOf(message(7))).toBeNull()
  })
})

describe('when the log has become another one', () => {
  const batch = { topic: 'orders', partition: 0, offset: '100', last: '199' }
  const held = () => {
    const { suspects, die } = bench()
    die(message(7))
    suspects.accuse({ inFlight: [], inCompany: false, decoding: batch, error: exit }, LIMIT)
    die(message(7, 1))
    const left = () => {
      const { message: one, batch: other } = suspects.of(message(7), 0n)
      return [one !== null, other !== null]
    }
    return { suspects, left }
  }

  test.each<[from: number, to: number, message: boolean, batch: boolean]>([
    [7, 0, false, false],
    [7, 7, true, true],
    [50, 8, true, false],
    [50, 199, true, true], // what was before is gone, and nothing else
    [300, 199, true, false],
    [300, 200, true, true],
  ])('from %d back to %d, what stands at those offsets is not what was there before', (from, to, isMessage, isBatch) => {
    const { suspects, left } = held()
    suspects.reset(message(7), { from: String(from), to: String(to) })
    expect(left()).toEqual([isMessage, isBatch])
    expect(suspects.of(message(7, 1), 0n).message).not.toBeNull()
  })
})

describe('what another process holds against a message', () => {
  const held = { offset: '7', error: { name: 'PoolError', message: 'there' }, company: null }
  const learned = (deaths: number, convictedAtMs: number | null, startedAtMs = 0) => {
    const suspects = new Suspects(startedAtMs)
    suspects.learn(message(7), { message: { ...held, deaths, convictedAtMs }, batch: null }, 7n)
    return suspects
  }

  test('goes on counting here', () => {
    const suspects = learned(2, null)
    expect(suspects.accuse({ inFlight: [message(7)], inCompany: false, error: exit }, LIMIT).verdict).toBe('convicted')
  })

  test.each([
    ['stands for a pool that ran already when it was convicted: a rebalance gives it no further thread', 500, 1_000],
    ['is tried once more by a pool that started after that: the handler may be mended', 2_000, null],
  ])('%s', (_, startedAtMs, convictedAtMs) => {
    expect(learned(3, 1_000, startedAtMs).of(message(7), 7n).message).toMatchObject({ deaths: 3, convictedAtMs })
  })

  test('does not make less of what is known here', () => {
    const { suspects, die, deathsOf } = bench()
    die(message(7))
    die(message(7))
    suspects.learn(message(7), { message: { ...held, deaths: 1, convictedAtMs: null }, batch: null }, 7n)
    expect(deathsOf(message(7))).toBe(2)
    suspects.forget(message(7))
    expect(deathsOf(message(7))).toBeNull()
  })
})

test('of what is known here and what is left in the partition that counts which comes first and is not finished', () => {
  const held = { error: { name: 'PoolError', message: 'there' }, company: null, convictedAtMs: null }
  const learn = (known: number, learned: number, from: bigint) => {
    const { suspects, die } = bench()
    die(message(known))
    const left = { ...held, offset: String(learned), deaths: 2 }
    suspects.learn(message(known), { message: left, batch: null }, from)
    const { message: suspect } = suspects.of(message(known), 0n)
    return [suspect?.offset, suspect?.deaths]
  }
  expect(learn(34, 42, 34n)).toEqual(['34', 1])
  expect(learn(42, 34, 34n)).toEqual(['34', 2])
  expect(learn(34, 42, 35n)).toEqual(['42', 2])
  expect(learn(42, 34, 35n)).toEqual(['42', 1])
})

describe('a batch', () => {
  const batch = { topic: 'orders', partition: 0, offset: '100', last: '199' }
  const dieDecoding = (suspects: Suspects, error: PoolError, ...inFlight: readonly Suspect[]) =>
    suspects.accuse({ inFlight, inCompany: false, decoding: batch, error }, LIMIT, 1_000)
  const memory = new PoolError(ErrorCode.threadOutOfMemory, 'the test says so')

  test('that a thread dies of while it is decoded is blamed, and no message that was in flight meanwhile', () => {
    const { suspects, deathsOf } = bench()
    const verdicts = [1, 2, 3].map(() => dieDecoding(suspects, memory, message(7, 1)).verdict)
    expect(verdicts).toEqual(['open', 'open', 'convicted'])
    expect(suspects.of(batch, 150n)).toMatchObject({
      message: null,
      batch: { offset: '100', last: '199', deaths: 3, convictedAtMs: 1_000, error: { code: memory.code } },
    })
    expect(deathsOf(message(7, 1))).toBeNull()
    expect(suspects.of(batch, 200n).batch).toBeNull()
  })

  test('that was decoded when a handler did not come back is not', () => {
    const { suspects, deathsOf } = bench()
    dieDecoding(suspects, new PoolError(ErrorCode.handlerHung, 'the test says so'), message(7, 1))
    expect([suspects.of(batch, 0n).batch, deathsOf(message(7, 1))]).toEqual([null, 1])
  })

  test('is blamed beside a message of it: what comes in pieces does so until the batch is finished', () => {
    const { suspects, die } = bench()
    dieDecoding(suspects, memory)
    die(message(120))
    expect(suspects.of(batch, 120n)).toMatchObject({ message: { offset: '120', deaths: 1 }, batch: { deaths: 1 } })
    expect(suspects.of(batch, 121n)).toMatchObject({ message: null, batch: { deaths: 1 } })
  })
})

test('whatever dies with whatever: the convicted are killers, and each killer is convicted at last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.infiniteStream(fc.nat(1_000)),
      (killers, concurrency, limit, random) => {
        const suspects = new Suspects(0)
        // One message in each partition: handled alone when it is a suspect, else with as many others as there is room for.
        const left = new Set(killers.keys())
        const convicts: number[] = []
        for (let round = 0; left.size > 0; round++) {
          expect(round).toBeLessThan(killers.length * (limit + 3) + killers.length * killers.length)
          const open = [...left]
          const isSuspect = (partition: number) => suspects.of({ topic: 'orders', partition }, 0n).message !== null
          const first = open[random.next().value % open.length] ?? 0
          const others = open.filter((partition) => partition !== first && !isSuspect(partition))
          const together = isSuspect(first) ? [first] : [first, ...others.slice(0, concurrency - 1)]
          if (!together.some((partition) => killers[partition])) {
            for (const partition of together) left.delete(partition)
            continue
          }
          const inFlight = together.map((partition) => message(0, partition))
          const { verdict, killer } = suspects.accuse({ inFlight, inCompany: false, error: exit }, limit)
          if (verdict !== 'convicted' || killer === null) continue
          convicts.push(killer.partition)
          left.delete(killer.partition)
        }
        expect(convicts.sort()).toEqual(killers.flatMap((kills, partition) => (kills ? [partition] : [])).sort())
      },
    ),
  )
})
