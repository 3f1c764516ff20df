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
  const context = new MessageContext(facts, partition, 5, 2, clock.nowMs)
  return { lines, clock, ledger, page, context }
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
