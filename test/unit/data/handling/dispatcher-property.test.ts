import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Handler } from '#src/data/handler.js'
import type { Partition } from '#src/data/partition.js'
import { Control } from '#src/protocol/ledger.js'
import { monotonicMs } from '#src/util/clock.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

type Step =
  | { readonly do: 'fetched'; readonly partition: number; readonly gaps: readonly number[]; readonly hidden: number }
  | { readonly do: 'revoke' | 'reassign'; readonly partition: number }
  | { readonly do: 'rebalance' | 'go-on' | 'lease-over' | 'lease-back' | 'let-run' }

const PARTITIONS = 3
const partition = fc.nat(PARTITIONS - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('fetched' as const),
      partition,
      gaps: fc.array(fc.nat(2), { maxLength: 6 }),
      hidden: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'reassign' as const), partition }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('rebalance' as const, 'go-on' as const, 'lease-over' as const, 'lease-back' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('let-run' as const) }) },
)

/** One assignment of one partition, as the test knows it. */
interface Expected {
  readonly owned: Partition
  readonly offsets: number[]
  readonly finished: number[]
  end: number
  revoked: boolean
}

/** How an attempt goes, decided by a seed and the message alone. */
const fate = (seed: number, where: number, offset: number, attempt: number) => {
  const dice = Math.imul(seed ^ (where * 7919) ^ (offset * 104729), 2654435761) >>> 8
  return { fails: attempt <= dice % 3, async: (dice >> 4) % 3 }
}

test('whatever is fetched, retried, rebalanced and revoked in which order: each partition is handled in order, every message once, and no unfinished one may be committed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      async (steps, concurrency, seed) => {
        const violations: string[] = []
        const current: Expected[] = []
        const running = new Set<string>()
        let rebalancing = false
        let leased = true

        const handler: Handler = (message, context) => {
          const expected = current[message.partition]
          const offset = Number(message.offset)
          const name = `${message.partition}@${offset}`
          if (expected === undefined) return
          const next = expected.offsets[expected.finished.length]
          if (next !== offset) violations.push(`${name} instead of ${next}`)
          if (rebalancing) violations.push(`${name} began during a rebalance`)
          if (!leased) violations.push(`${name} began without a lease`)
          if (expected.revoked) violations.push(`${name} began after the revoke`)
          if (running.has(String(message.partition))) violations.push(`${name} began beside another of its partition`)
          if (running.size >= concurrency) violations.push(`${name} is one too many`)
          if (bench.finishedUpTo(expected.owned) > offset) violations.push(`${name} might be committed already`)
          const { fails, async } = fate(seed, message.partition, offset, context.attempt)
          const end = () => {
            running.delete(String(message.partition))
            if (fails) throw new Error('planned')
            if (!expected.revoked) expected.finished.push(offset)
          }
          running.add(String(message.partition))
          if (async === 0) return end()
          if (async === 1) return Promise.resolve().then(end)
          return rounds(2 + (offset % 8)).then(end)
        }
        const bench = new DispatcherBench(handler, {
          concurrency,
          retry: { attempts: 3, initialDelayMs: 0, maxDelayMs: 1 },
        })

        const assign = (index: number, offset: number) => {
          const [owned] = bench.assign({ partition: index, offset })
          if (owned !== undefined) current[index] = { owned, offsets: [], finished: [], end: offset, revoked: false }
        }
        const perform = async (action: Step) => {
          const expected = 'partition' in action ? current[action.partition] : undefined
          switch (action.do) {
            case 'fetched': {
              if (expected === undefined || expected.revoked) return
              const offsets: number[] = []
              let next = expected.end
              for (const gap of action.gaps) {
                offsets.push(next + gap)
                next += gap + 1
              }
              next += action.hidden
              if (next === expected.end) return
              expected.end = next
              expected.offsets.push(...offsets)
              bench.feed(expected.owned, offsets, next)
              return
            }
            case 'revoke':
              if (expected === undefined || expected.revoked) return
              expected.revoked = true
              bench.revoke(expected.owned)
              return
            case 'reassign':
              if (expected === undefined) return
              expected.revoked = true
              bench.partitions.drop([expected.owned.id])
              assign(action.partition, bench.finishedUpTo(expected.owned))
              return
            case 'rebalance':
              rebalancing = true
              bench.ledger.raise(Control.rebalance)
              return
            case 'go-on':
              rebalancing = false
              bench.ledger.clear(Control.rebalance)
              bench.dispatcher.scheduleAll()
              return
            case 'lease-over':
              leased = false
              bench.ledger.extendLease(monotonicMs() - 1)
              return
            case 'lease-back':
              leased = true
              bench.ledger.extendLease(monotonicMs() + 60_000)
              return
            case 'let-run':
              await rounds(2)
          }
        }

        for (let index = 0; index < PARTITIONS; index++) assign(index, 10 * index)
        for (const action of steps) await perform(action)
        await perform({ do: 'lease-back' })
        await perform({ do: 'go-on' })
        const through = ({ owned, end, revoked }: Expected) => revoked || bench.finishedUpTo(owned) === end
        await soon('everything that is ours is through', () => current.every(through) || violations.length > 0)
        expect(violations).toEqual([])
        expect(bench.faults).toEqual([])
        for (const { offsets, finished, revoked } of current) if (!revoked) expect(finished).toEqual(offsets)
        await bench.dispatcher.close()
        expect(bench.ledger.flights()).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
}, 60_000)
