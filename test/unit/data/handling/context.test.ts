import { pino } from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MessageContext } from '#src/data/handling/context.js'
import { Partition } from '#src/data/partition.js'
import { Control, Ledger } from '#src/protocol/ledger.js'
import { Page } from '#src/protocol/page.js'
import { soon } from '../../../support/data/soon.js'

afterEach(() => void vi.useRealTimers())

const setUp = () => {
  const lines: string[] = []
  const clock = { nowMs: 1_000 }
  const ledger = Ledger.create(1)
  const page = Page.create([5n])
  const facts = {
    slot: 3,
    incarnation: 2,
    clientId: 'orders-03',
    maxProcessingMs: 100,
    ledger,
    log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    now: () => clock.nowMs,
  }
  const partition = new Partition({ id: 9, topic: 'orders', partition: 4, index: 0, offset: '5', batchBytes: 0 }, page)
  const begin = () => new MessageContext(facts, partition, 5, 2, clock.nowMs, ledger.stoodStillMs(clock.nowMs))
  return { lines, clock, ledger, page, begin, context: begin() }
}

describe('the context of a message', () => {
  test('says who handles it and which attempt this is', () => {
    const { slot, incarnation, clientId, attempt, cancelled } = setUp().context
    expect({ slot, incarnation, clientId, attempt, cancelled }).toEqual({
      slot: 3,
      incarnation: 2,
      clientId: 'orders-03',
      attempt: 2,
      cancelled: false,
    })
  })

  test('logs with the place of the message', () => {
    const { context, lines } = setUp()
    context.log.info('hello')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ topic: 'orders', partition: 4, offset: '5', msg: 'hello' })
    expect(context.log).toBe(context.log)
  })

  test.each<[string, string, (bench: ReturnType<typeof setUp>) => void]>([
    ['its partition is revoked', 'REVOKED', ({ page }) => page.revoke(0)],
    [
      'the time in which the slot stops is nearly over',
      'STOPPING',
      ({ ledger }) => ledger.raise(Control.stop | Control.giveUp),
    ],
    ['the deadline passes', 'DEADLINE', ({ clock }) => (clock.nowMs += 101)],
  ])('is cancelled and its signal aborts when %s', async (_, code, happens) => {
    const bench = setUp()
    const { signal } = bench.context
    expect(signal.aborted).toBe(false)
    happens(bench)
    expect(bench.context.cancelled).toBe(true)
    await soon('the signal aborts', () => signal.aborted)
    expect(signal.reason).toMatchObject({ name: 'AbortError', code })
    expect(signal.reason.message).toContain('orders-4@5')
  })

  test('has an aborted signal when it is asked for after the fact', () => {
    const { context, ledger } = setUp()
    ledger.raise(Control.giveUp)
    expect(context.signal.aborted).toBe(true)
  })

  test.each([
    ['before main has seen that', 0],
    ['when main has', 1],
  ])('is not cancelled by a freeze of the process, %s, but by the deadline after it', (_, looks) => {
    const { context, clock, ledger } = setUp()
    ledger.looked(0, 1_020)
    clock.nowMs += 600_000
    const frozenForMs = clock.nowMs - 1_020
    if (looks > 0) ledger.looked(frozenForMs, clock.nowMs + 20)
    expect([context.cancelled, context.signal.aborted]).toEqual([false, false])
    ledger.looked(looks > 0 ? 0 : frozenForMs, clock.nowMs + 100)
    clock.nowMs += 80
    expect(context.cancelled).toBe(false)
    clock.nowMs += 1
    expect(context.cancelled).toBe(true)
    context.end()
  })

  test('has what was frozen before it began count for nothing', () => {
    const { clock, ledger, begin } = setUp()
    ledger.looked(600_000, 1_020)
    const context = begin()
    clock.nowMs += 101
    expect(context.cancelled).toBe(true)
  })

  test('is not cancelled by a rebalance, which only keeps others from beginning', () => {
    const { context, ledger } = setUp()
    ledger.raise(Control.rebalance)
    expect(context.cancelled).toBe(false)
  })

  test('is not cancelled by a stop that has time left', () => {
    const { context, ledger } = setUp()
    ledger.raise(Control.stop)
    expect([context.cancelled, context.signal.aborted]).toEqual([false, false])
    context.end()
  })

  test('leaves no timer behind', () => {
    vi.useFakeTimers()
    const { context } = setUp()
    expect([context.signal.aborted, vi.getTimerCount()]).toEqual([false, 1])
    context.end()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('never aborts the signal of a call that is over', () => {
    const { context, ledger } = setUp()
    const { signal } = context
    context.end()
    ledger.raise(Control.giveUp)
    expect(signal.aborted).toBe(false)
    expect(context.signal).toBe(signal)
  })
})
