import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchBuffer } from '#src/data/batch-buffer.js'
import { Appetite } from '#src/data/fetching/appetite.js'
import { type FetchCandidate, planFetch } from '#src/data/fetching/fetch-plan.js'
import { batch, range } from '../../../support/data/batches.js'

/** One partition: a log of record batches of one message each, which grow when they are decompressed. */
interface Log {
  readonly sizes: readonly number[]
  readonly expansion: number
  /** How many ticks a message takes, and how many of them are a pause before its retry. */
  readonly ticks: number
  readonly pause: number
  /** At this offset it never moves again: a retry that is never due, or a handler that never comes back. */
  readonly standsAt: number | null
  readonly how: 'waits' | 'hangs'
}

const LIMITS = { bufferBytes: 1_000, maxBytes: 800, maxBytesPerPartition: 300 }
const TICK_MS = 10
/** The limits are scaled down. */
const SCALE = 1_000
const FULL_TICKS = 20
const CONCURRENCY = 4

const log = fc.record({
  sizes: fc.array(
    fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 120 }) }, fc.integer({ min: 1, max: 3_000 })),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  expansion: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 20 })),
  ticks: fc.integer({ min: 0, max: 5 }),
  pause: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 50 })),
  standsAt: fc.option(fc.nat(11), { freq: 4 }),
  how: fc.constantFrom('waits' as const, 'hangs' as const),
})

class Simulated {
  readonly log: Log
  readonly buffer = new BatchBuffer()
  readonly appetite = new Appetite()
  offset = 0
  atEnd = false
  handled = 0
  /** Its next batch is larger than may be asked for, and was cut off. */
  givenUp = false
  state: 'idle' | 'running' | 'waits' = 'idle'
  untilTick = 0

  constructor(log: Log) {
    this.log = log
  }

  get stands(): boolean {
    return this.log.standsAt !== null && this.handled >= this.log.standsAt
  }

  get isThrough(): boolean {
    return this.handled === this.log.sizes.length || this.stands || (this.givenUp && this.handled === this.offset)
  }

  get heldBytes(): number {
    return this.buffer.bytes - (this.state === 'running' ? (this.buffer.head?.bytes ?? 0) : 0)
  }

  candidate(nowMs: number): FetchCandidate & { readonly of: Simulated } {
    this.appetite.handled(this.buffer.handledBytes, !this.buffer.empty, nowMs)
    const { askBytes, enoughBytes, leastBytes, expansion } = this.appetite
    return {
      ...{ of: this, heldBytes: this.heldBytes, waitingBytes: this.buffer.waitingBytes },
      // Scaled down like the limits.
      ...{ askBytes: Math.ceil(askBytes / SCALE), enoughBytes: Math.ceil(enoughBytes / SCALE), expansion },
      ...{
        leastBytes: Math.ceil(leastBytes / SCALE),
        atEnd: this.atEnd,
        fresh: false,
        waits: this.state === 'waits',
        cannotMove: this.state !== 'idle',
      },
    }
  }
}

/**
 * What a broker answers, and what is decoded of it while there is room.
 *
 * @param cutsOff whether it cuts the first batch off, against KIP-74
 */
const fetch = (
  asked: readonly { of: Simulated; maxBytes: number }[],
  maxBytes: number,
  roomBytes: number,
  cutsOff: boolean,
) => {
  let leftBytes = maxBytes
  let room = roomBytes
  let anySent = false
  let anyDecoded = false
  return asked.map(({ of, maxBytes: most }) => {
    const { sizes, expansion } = of.log
    const sent: number[] = []
    let sentBytes = 0
    for (const size of sizes.slice(of.offset)) {
      if (sentBytes + size > Math.min(most, leftBytes) && (cutsOff || anySent || sent.length > 0)) break
      sent.push(size)
      sentBytes += size
    }
    if (sent.length > 0) anySent = true
    const [next = 0] = sizes.slice(of.offset)
    const cameBytes = Math.max(0, Math.min(most, leftBytes))
    const cutOff = cutsOff && sent.length === 0 && cameBytes < next && cameBytes > 0 ? { next, cameBytes } : null
    leftBytes -= cutOff === null ? sentBytes : cameBytes
    let count = 0
    for (const size of sent) {
      if (room <= 0 && anyDecoded) break
      anyDecoded = true
      room -= size * expansion
      count++
    }
    return { of, count, cutOff, sizes: sent.slice(0, count), end: of.offset + count === sizes.length }
  })
}

test('whatever the batches, the handlers and the retries: memory is bounded but for one batch, and nobody starves', () => {
  fc.assert(
    fc.property(fc.array(log, { minLength: 1, maxLength: 30 }), fc.boolean(), (logs, cutsOff) => {
      // With every handler taken for ever nobody could go on, whatever the plan.
      let hanging = 0
      const all = logs.map((each) => {
        const hangs = each.standsAt !== null && each.how === 'hangs'
        if (hangs) hanging++
        return new Simulated(hangs && hanging >= CONCURRENCY ? { ...each, how: 'waits' } : each)
      })
      const line = new Set(all)
      const ready = new Set<Simulated>()
      let fullSince: number | null = null
      let tick = 0
      for (; all.some(({ isThrough }) => !isThrough); tick++) {
        if (tick > 60_000) throw new Error(`stuck: ${all.filter(({ isThrough }) => !isThrough).length} partitions`)
        // What is held of partitions that nobody fetches is gone from the memory.
        const asideBytes = all.reduce((sum, { givenUp, heldBytes }) => sum + (givenUp ? heldBytes : 0), 0)
        const { wanted, letGo, ...plan } = planFetch(
          [...line].filter(({ givenUp }) => !givenUp).map((each) => each.candidate(tick * TICK_MS)),
          { ...LIMITS, bufferBytes: Math.max(1, LIMITS.bufferBytes - asideBytes) },
        )
        if (plan.roomBytes > 0) fullSince = null
        else {
          fullSince ??= tick
          if (letGo.length > 0 && tick - fullSince >= FULL_TICKS) {
            for (const { of } of letGo) {
              of.offset = of.buffer.letGo(of.state === 'running') ?? of.offset
              of.atEnd = false
            }
            fullSince = null
          }
        }
        const before = all.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
        const asked = wanted.map(({ candidate, maxBytes }) => ({ of: candidate.of, maxBytes }))
        const answer = fetch(asked, plan.maxBytes, plan.roomBytes, cutsOff)
        let largest = 0
        for (const [index, { of, count, cutOff, sizes, end }] of answer.entries()) {
          const askBytes = asked[index]?.maxBytes ?? 0
          if (count > 0) {
            const bytes = sizes.reduce((sum, size) => sum + size, 0)
            const fed = batch(
              't',
              0,
              range(of.offset, of.offset + count),
              of.offset + count,
              bytes * of.log.expansion,
              bytes,
            )
            of.buffer.push(fed)
            of.appetite.fed({ ...fed, largestBytes: Math.max(...sizes) })
            of.offset += count
            largest = Math.max(largest, ...sizes.map((size) => size * of.log.expansion))
          } else if (cutOff !== null) {
            of.appetite.cutOff(askBytes * SCALE, cutOff.next * SCALE)
            of.givenUp = cutOff.cameBytes >= LIMITS.maxBytesPerPartition
          } else if (!end) of.appetite.passedOver(askBytes, 0)
          of.atEnd = end
          if (index > 0 && (count > 0 || end)) {
            line.delete(of)
            line.add(of)
          }
        }
        const [first] = answer
        if (first !== undefined) {
          line.delete(first.of)
          line.add(first.of)
        }
        const held = all.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
        expect(held).toBeLessThanOrEqual(Math.max(before, LIMITS.bufferBytes + largest))

        for (const each of all) {
          if (each.state === 'waits' && !each.stands && tick >= each.untilTick) each.state = 'idle'
          if (each.state === 'running' && !each.stands && tick >= each.untilTick) {
            each.state = 'idle'
            each.handled++
            each.buffer.cursor++
            if (each.buffer.cursor === each.buffer.head?.messages.length) each.buffer.shift()
            if (each.log.pause > 0) {
              each.state = 'waits'
              each.untilTick = tick + each.log.pause
            }
          }
          if (each.state === 'idle' && !each.buffer.empty) ready.add(each)
        }
        for (const each of ready) {
          if (all.filter(({ state }) => state === 'running').length >= CONCURRENCY) break
          ready.delete(each)
          if (each.state !== 'idle' || each.buffer.empty) continue
          each.state = each.stands && each.log.how === 'waits' ? 'waits' : 'running'
          each.untilTick = tick + each.log.ticks
        }
      }
    }),
    { numRuns: 200 },
  )
}, 60_000)
