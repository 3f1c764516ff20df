import { describe, expect, it } from 'vitest'
import { inColor, plain } from '#src/cli/paint.js'
import { messagesPerSecond, type Snapshot, statusLine } from '#src/cli/status-line.js'
import type { PoolTotals, SlotStatus } from '#src/control/status.js'

const quiet: PoolTotals = {
  finished: 0,
  failed: 0,
  retried: 0,
  deadLettered: 0,
  dropped: 0,
  restarts: 0,
  recycles: 0,
  inFlight: 0,
  lag: '0',
  rebalances: 0,
  lostThreads: 0,
}

const slot = (more: Partial<SlotStatus> = {}): SlotStatus =>
  ({ state: 'running', assignment: [], stalled: false, ...more }) as SlotStatus

const snapshot = (atMs: number, totals: Partial<PoolTotals> = {}, slots = [slot(), slot()]): Snapshot => ({
  atMs,
  status: { state: 'running', slots, subscriptions: [], totals: { ...quiet, ...totals } },
})

describe('messages per second', () => {
  it('are the difference of the two snapshots over the time between them', () => {
    expect(messagesPerSecond(snapshot(5_000, { finished: 100 }), snapshot(7_000, { finished: 400 }))).toBe(150)
  })

  it('are none while no time has gone by', () => {
    expect(messagesPerSecond(snapshot(5_000), snapshot(5_000, { finished: 4 }))).toBe(0)
  })
})

describe('the status line', () => {
  it('says state, slots, rate, lag, restarts, rebalances and what was handled', () => {
    const before = snapshot(0, { finished: 1_000 })
    const now = snapshot(1_000, { finished: 13_345, lag: '8921', restarts: 3, rebalances: 1 })
    expect(statusLine(before, now, 200, plain)).toBe(
      'running  2/2 slots  12,345 msg/s  lag 8,921  restarts 3  rebalances 1  handled 13,345',
    )
  })

  it('does not say that nothing waits while that is not known', () => {
    expect(statusLine(snapshot(0), snapshot(1_000, { lag: null }), 200, plain)).toContain('  lag ?  ')
  })

  it('says what stands still only when something does', () => {
    const paused = { topic: 't', partition: 0, paused: { offset: '1' } }
    const troubled = [slot({ assignment: [paused] } as unknown as Partial<SlotStatus>), slot({ stalled: true })]
    const line = statusLine(snapshot(0), snapshot(1_000, { failed: 1 }, troubled), 200, plain)
    expect(line).toContain('1 partition paused  1 stalled  failed 1')
    expect(statusLine(snapshot(0), snapshot(1_000), 200, plain)).not.toMatch(/paused|stalled|failed/)
  })

  it('counts the slots that run', () => {
    const slots = [slot(), slot({ state: 'parked' }), slot({ state: 'restarting' })]
    expect(statusLine(snapshot(0), snapshot(1_000, {}, slots), 200, plain)).toContain('1/3 slots')
  })

  it('is the state alone before there are slots', () => {
    expect(statusLine(snapshot(0, {}, []), snapshot(1_000, {}, []), 200, plain)).toBe('running')
  })

  it.each([20, 41, 42, 80])('leaves out what does not fit into %i columns and never fills the last one', (columns) => {
    const whole = statusLine(snapshot(0), snapshot(1_000), 500, plain)
    const line = statusLine(snapshot(0), snapshot(1_000), columns, plain)
    expect(line.length).toBeLessThan(columns)
    expect(whole.startsWith(line)).toBe(true)
    expect(line).not.toMatch(/\s$/)
  })

  it('has colours that take no room', () => {
    const [before, now] = [snapshot(0), snapshot(1_000, { restarts: 1 })]
    const colored = statusLine(before, now, 60, inColor)
    expect(colored).toContain('\u001b[33mrestarts 1\u001b[39m')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(statusLine(before, now, 60, plain))
  })
})
