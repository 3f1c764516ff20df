import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finishedUpTo, type Holding, Holdings, lagOf } from '#src/control/holdings.js'
import { isResting } from '#src/control/pauses.js'
import { Suspects } from '#src/control/supervision/suspects.js'
import { PoolError } from '#src/errors.js'
import { Page } from '#src/protocol/page.js'
import { pauseAt } from '../../support/control/pause.js'

const partition = (number: number, offset: bigint, committed = -1n) => ({
  topic: 'orders',
  partition: number,
  offset,
  committed,
})

const DEATH = { inCompany: false, error: new PoolError('KCP_THREAD_EXITED', 'the test says so') }

describe('the holdings of a slot', () => {
  test('know what is finished and not committed, the first start included', () => {
    const holdings = new Holdings()
    const { page } = holdings.add([partition(0, 10n, 10n), partition(1, 5n)])
    expect(holdings.uncommitted()).toMatchObject([{ topic: 'orders', partition: 1, offset: 5n }])
    Page.from(page).finish(0, 12)
    expect(holdings.uncommitted().map(({ offset }) => offset)).toEqual([12n, 5n])
    holdings.markCommitted({ topic: 'orders', partition: 0, offset: 12n })
    holdings.markCommitted({ topic: 'orders', partition: 1, offset: 5n })
    expect(holdings.uncommitted()).toEqual([])
  })

  test('know what another process held against a message, hand it to the thread, and do not touch what others keep there', () => {
    const suspects = new Suspects(1_000)
    const holdings = new Holdings(suspects)
    const note = (offset: number, more: object) =>
      JSON.stringify({ kcp: 1, at: '5', message: { offset: `${offset}`, deaths: 3, of: 'KCP_THREAD_EXITED', ...more } })
    const { added } = holdings.add([
      { ...partition(0, 5n, 5n), metadata: note(5, { deaths: 2, convictedAtMs: null }) },
      { ...partition(1, 5n, 5n), metadata: note(6, { convictedAtMs: 2_000 }) },
      { ...partition(2, 5n, 5n), metadata: note(5, { convictedAtMs: 500 }) }, // before the pool started
      { ...partition(3, 5n, 5n), metadata: note(4, { convictedAtMs: 2_000 }) }, // finished meanwhile
      { ...partition(4, 5n, 5n), metadata: 'somebody else’s' },
    ])
    expect(added.map(({ suspect, convicted }) => ({ suspect, convicted }))).toMatchObject([
      { suspect: { offset: '5' }, convicted: undefined },
      {
        suspect: undefined,
        convicted: {
          ...{ offset: '6', deaths: 3 },
          error: {
            name: 'KCP_THREAD_EXITED',
            message: 'orders-1@6 has killed 3 threads, the last of which died of process.exit(), most likely',
          },
        },
      },
      { suspect: { offset: '5' }, convicted: undefined },
      { suspect: undefined, convicted: undefined },
      { suspect: undefined, convicted: undefined },
    ])
    // What was finished is held against nobody any more, and the one that is tried again is convicted no more.
    expect(holdings.uncommitted().map(({ partition, metadata = '' }) => [partition, metadata])).toEqual([
      [2, note(5, { convictedAtMs: null })],
      [3, ''],
    ])
    holdings.add([partition(5, 0n)])
    suspects.accuse({ inFlight: [{ ...partition(5, 0n), offset: '0' }], ...DEATH }, 3)
    holdings.drop(() => false)
    // The topic is another one by now: nobody has committed anything there.
    expect(holdings.add([partition(5, 0n)]).added).toMatchObject([{ partition: 5 }])
    expect(suspects.of(partition(5, 0n), 0n).message).toBeNull()
  })

  test('know what has killed a process before it had committed anything, at their first start, and not of another topic later', () => {
    const suspects = new Suspects(1_000)
    const error = { name: 'ProcessDeath', code: 'PROCESS_DIED', message: 'the whole process died' }
    const held = { offset: '0', deaths: 2, error, convictedAtMs: null, company: null, inProcess: true } as const
    suspects.inherit(partition(0, 0n), held)
    const holdings = new Holdings(suspects)
    expect(holdings.add([partition(0, 0n)]).added).toMatchObject([{ suspect: { offset: '0' } }])
    expect(suspects.of(partition(0, 0n), 0n).message).toMatchObject({ deaths: 2 })
    holdings.drop(() => false)
    holdings.add([partition(0, 0n)])
    expect(suspects.of(partition(0, 0n), 0n).message).toBeNull()
  })

  test('hand out one of those that may have killed the process at a time, and the next one when that is finished, stands still or is gone', () => {
    const suspects = new Suspects(0)
    const error = { name: 'ProcessDeath', code: 'PROCESS_DIED', message: 'the whole process died' }
    const held = { offset: '0', deaths: 1, error, convictedAtMs: null, company: null, inProcess: true } as const
    const all = [0, 1, 2, 3, 4].map((number) => partition(number, 0n, 0n))
    for (const each of all.slice(0, 4)) suspects.inherit(each, held)
    const holdings = new Holdings(suspects)
    const handed = (handout: { readonly added: readonly { readonly partition: number }[] } | null) =>
      handout?.added.map((each) => each.partition)
    expect(handed(holdings.add(all))).toEqual([0, 4])
    expect(holdings.all().map(({ away }) => away)).toEqual([false, true, true, true, false])
    expect([holdings.retry(0), handed(holdings.rehouse())]).toEqual([null, [0, 4]])
    const [first, second] = holdings.all()
    first?.page.finish(first.index, 1)
    holdings.uncommitted() // looks at all, once a second
    expect(handed(holdings.retry(0))).toEqual([1])
    if (second !== undefined) second.paused = pauseAt(0, { retryAtMs: 1_000 })
    expect(handed(holdings.retry(0))).toEqual([2])
    holdings.drop((each) => each.partition !== 2)
    expect(handed(holdings.retry(0))).toEqual([3])
  })

  test('follow an offset that was reset to below the committed one', () => {
    const holdings = new Holdings()
    const { page } = holdings.add([partition(0, 10n, 10n)])
    Page.from(page).finish(0, 3)
    expect(holdings.uncommitted()).toMatchObject([{ topic: 'orders', partition: 0, offset: 3n }])
    holdings.markCommitted({ topic: 'orders', partition: 0, offset: 3n })
    expect(holdings.all()[0]?.committed).toBe(3n)
    expect(holdings.uncommitted()).toEqual([])
  })

  test('keep the leader epoch of what is finished, for the commit and for the next incarnation', () => {
    const holdings = new Holdings()
    const { page, added } = holdings.add([{ ...partition(0, 10n, 10n), leaderEpoch: 3 }, partition(1, 5n, 5n)])
    expect(added.map(({ leaderEpoch }) => leaderEpoch)).toEqual([3, -1])
    Page.from(page).setEpoch(0, 4)
    Page.from(page).finish(0, 12)
    expect(holdings.uncommitted()).toEqual([{ topic: 'orders', partition: 0, offset: 12n, leaderEpoch: 4 }])
    expect(holdings.rehouse().added.map(({ offset, leaderEpoch }) => [offset, leaderEpoch])).toEqual([
      ['12', 4],
      ['5', -1],
    ])
  })

  test('give a new incarnation what the old one had reached, on memory that the old one cannot write to', () => {
    const holdings = new Holdings()
    const old = Page.from(holdings.add([partition(0, 10n), partition(1, 20n)]).page)
    old.finish(1, 25)
    const { added, page } = holdings.rehouse()
    expect(added.map(({ offset }) => offset)).toEqual(['10', '25'])
    old.finish(0, 99)
    expect(holdings.all().map(finishedUpTo)).toEqual([10n, 25n])
    Page.from(page).finish(0, 11)
    expect(holdings.all().map(finishedUpTo)).toEqual([11n, 25n])
  })

  test('do not hand out a partition that stands still', () => {
    const holdings = new Holdings()
    holdings.add([partition(0, 1n), partition(1, 1n)])
    const paused = holdings.all()[0]
    if (paused !== undefined) paused.paused = pauseAt(1)
    expect(holdings.rehouse().added.map((handed) => handed.partition)).toEqual([1])
    expect(holdings.all()).toHaveLength(2)
  })

  test('hand out a partition that stands still further on, as what comes before that may not be handled yet', () => {
    const holdings = new Holdings()
    holdings.add([partition(0, 1n)])
    const [paused] = holdings.all()
    if (paused === undefined) throw new Error('nothing is held')
    paused.paused = pauseAt(100)
    expect(holdings.rehouse().added.map(({ offset }) => offset)).toEqual(['1'])
    expect(paused.paused).toMatchObject({ offset: '100', retryAtMs: null }) // the new thread tries it, when it gets there
    paused.page.finish(paused.index, 100)
    paused.paused = pauseAt(100)
    expect(holdings.rehouse().added).toEqual([])
    expect(paused.paused).toEqual(pauseAt(100))
  })

  test('tell the next thread how often a message was tried that is not finished, and of no other', () => {
    const holdings = new Holdings()
    holdings.add([partition(0, 1n), partition(1, 7n), partition(2, 4n)])
    const [waiting, done] = holdings.all()
    if (waiting === undefined || done === undefined) throw new Error('nothing is held')
    waiting.failed = { offset: '3', attempts: 4 } // 1 and 2 are not in the log any more
    done.failed = { offset: '6', attempts: 9 }
    expect(holdings.rehouse().added.map(({ failed }) => failed)).toEqual([
      { offset: '3', attempts: 4 },
      undefined,
      undefined,
    ])
  })

  test('hand out anew what stands still and is due, under a new id, with what is known of it', () => {
    const holdings = new Holdings()
    const old = Page.from(holdings.add([partition(0, 1n), partition(1, 7n), partition(2, 1n), partition(3, 1n)]).page)
    const [unread, exhausted, resting] = holdings.all()
    if (unread === undefined || exhausted === undefined || resting === undefined) throw new Error('nothing is held')
    unread.paused = pauseAt(100, { retryAtMs: 5_000 })
    exhausted.paused = pauseAt(7, { retryAtMs: 5_000, attempts: 10 })
    resting.paused = pauseAt(1, { retryAtMs: 5_001 })
    old.fetched(1, 7, 30)
    old.sawBatches(1, 500)
    expect(holdings.retry(4_999)).toBeNull()
    const retried = holdings.retry(5_000)
    // What comes before the batch that cannot be read is not handled yet.
    expect(retried?.removedIds).toEqual([1])
    expect(retried?.added).toEqual([
      {
        ...{ id: 4, topic: 'orders', partition: 1, index: 0, offset: '7', leaderEpoch: -1, batchBytes: 500 },
        exhausted: { offset: '7', attempts: 10 },
      },
    ])
    expect([old.isRevoked(1), holdings.byId(1), holdings.byId(4), holdings.all().length]).toEqual([
      true,
      undefined,
      exhausted,
      4,
    ])
    expect([exhausted.paused?.retryAtMs, lagOf(exhausted)]).toEqual([null, 23n])
    old.finish(1, 99) // its thread is late
    expect(finishedUpTo(exhausted)).toBe(7n)
    expect(holdings.retry(5_000)).toBeNull()
  })

  test('hand to a new thread again what the one before it was trying', () => {
    const holdings = new Holdings()
    holdings.add([partition(0, 7n)])
    const [exhausted] = holdings.all()
    if (exhausted === undefined) throw new Error('nothing is held')
    exhausted.paused = pauseAt(7, { attempts: 10, retryAtMs: 0 })
    holdings.retry(1)
    expect(holdings.rehouse().added).toMatchObject([{ partition: 0, exhausted: { offset: '7', attempts: 10 } }])
  })

  test('flag what is dropped, so that the thread counts nothing of it any more', () => {
    const holdings = new Holdings()
    const page = Page.from(holdings.add([partition(0, 1n), partition(1, 1n)]).page)
    const dropped = holdings.drop(({ partition }) => partition === 1)
    expect(dropped.map(({ partition }) => partition)).toEqual([0])
    expect([page.isRevoked(0), page.isRevoked(1)]).toEqual([true, false])
    expect(holdings.byId(dropped[0]?.id ?? -1)).toBeUndefined()
  })

  test('tell a new thread how large the batches were that the one before it saw', () => {
    const holdings = new Holdings()
    const { added, page } = holdings.add([partition(0, 1n), partition(1, 1n)])
    expect(added.map(({ batchBytes }) => batchBytes)).toEqual([0, 0])
    Page.from(page).sawBatches(1, 500_000)
    for (let death = 0; death < 2; death++) {
      expect(holdings.rehouse().added.map(({ batchBytes }) => batchBytes)).toEqual([0, 500_000])
    }
  })

  test('know the lag once a partition was fetched', () => {
    const holdings = new Holdings()
    const page = Page.from(holdings.add([partition(0, 10n)]).page)
    const [holding] = holdings.all()
    if (holding === undefined) throw new Error('nothing is held')
    expect(lagOf(holding)).toBeNull()
    page.fetched(0, 30, 100)
    expect(lagOf(holding)).toBe(90n)
  })

  test('hand out everything but what rests, over any sequence of assignments, pauses, tries and deaths', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('assign' as const), partitions: fc.uniqueArray(fc.nat(2)) }),
      fc.record({ type: fc.constant('finish' as const), partition: fc.nat(2), by: fc.nat(9) }),
      // At the next message, or at a batch that is further on.
      fc.record({ type: fc.constant('pause' as const), partition: fc.nat(2), ahead: fc.nat(2), forMs: fc.nat(9) }),
      fc.record({ type: fc.constant('try' as const), afterMs: fc.nat(9) }),
      fc.record({ type: fc.constant('die' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (sequence) => {
        const holdings = new Holdings()
        /** What the thread has been told to handle. */
        const known = new Set<number>()
        const model = new Map<number, bigint>()
        let nowMs = 0
        const rests = (holding: Holding) =>
          isResting(holding.paused) && finishedUpTo(holding) >= BigInt(holding.paused?.offset ?? 0)
        for (const next of sequence) {
          const holding =
            'partition' in next ? holdings.all().find(({ partition: number }) => number === next.partition) : undefined
          if (next.type === 'assign') {
            for (const { id, partition: number } of holdings.drop(({ partition: number }) =>
              next.partitions.includes(number),
            )) {
              known.delete(id)
              model.delete(number)
            }
            const fresh = next.partitions.filter((number) => !model.has(number))
            for (const { id } of holdings.add(fresh.map((number) => partition(number, 0n))).added) known.add(id)
            for (const number of fresh) model.set(number, 0n)
          } else if (next.type === 'try') {
            nowMs += next.afterMs
            const retried = holdings.retry(nowMs)
            for (const id of retried?.removedIds ?? []) known.delete(id)
            for (const { id } of retried?.added ?? []) known.add(id)
          } else if (next.type === 'die') {
            known.clear()
            for (const { id } of holdings.rehouse().added) known.add(id)
          } else if (holding !== undefined && !rests(holding)) {
            if (next.type === 'pause') {
              holding.paused = pauseAt(Number(finishedUpTo(holding)) + next.ahead, { retryAtMs: nowMs + next.forMs })
              continue
            }
            const limit = isResting(holding.paused) ? BigInt(holding.paused?.offset ?? 0) : 1_000_000n
            const offset = finishedUpTo(holding) + BigInt(next.by)
            const finished = offset < limit ? offset : limit
            holding.page.finish(holding.index, Number(finished))
            model.set(holding.partition, finished)
          }
          for (const each of holdings.all()) {
            expect(holdings.byId(each.id)).toBe(each)
            if (!rests(each)) expect(known.has(each.id)).toBe(true)
          }
          expect(new Map(holdings.all().map((each) => [each.partition, finishedUpTo(each)]))).toEqual(model)
        }
        holdings.retry(Number.MAX_SAFE_INTEGER)
        expect(holdings.all().filter(rests)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('lose and invent nothing over any sequence of assignments and deaths', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('assign' as const), partitions: fc.uniqueArray(fc.nat(7)) }),
        fc.record({ type: fc.constant('finish' as const), partition: fc.nat(7), by: fc.nat(9) }),
        fc.record({ type: fc.constant('die' as const) }),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(steps, (sequence) => {
        const holdings = new Holdings()
        const model = new Map<number, bigint>()
        const ids = new Set<number>()
        for (const step of sequence) {
          if (step.type === 'assign') {
            const wanted = new Set(step.partitions)
            holdings.drop(({ partition: number }) => wanted.has(number))
            for (const number of [...model.keys()]) if (!wanted.has(number)) model.delete(number)
            const added = step.partitions.filter((number) => !model.has(number))
            for (const { id } of holdings.add(added.map((number) => partition(number, 0n))).added) {
              expect(ids.has(id)).toBe(false)
              ids.add(id)
            }
            for (const number of added) model.set(number, 0n)
          } else if (step.type === 'finish') {
            const holding = holdings.all().find(({ partition: number }) => number === step.partition)
            if (holding === undefined) continue
            const offset = finishedUpTo(holding) + BigInt(step.by)
            holding.page.finish(holding.index, Number(offset))
            model.set(step.partition, offset)
          } else holdings.rehouse()
        }
        expect(new Map(holdings.all().map((holding) => [holding.partition, finishedUpTo(holding)]))).toEqual(model)
      }),
    )
  })
})
