import { expect, test } from 'vitest'
import type { Outlook } from '#src/control/pauses.js'
import { Escalation } from '#src/control/supervision/escalation.js'
import { restartConfig } from '../../../support/config/restart-config.js'

const config = restartConfig({ maxPoolRestarts: 2, windowMs: 10_000 })
const fine = { slots: 4, parked: 0, lostThreads: 0, outlooks: ['moving'], nowMs: 20_000 } as const
const crash = (atMs: number, fruitful = false) => ({ atMs, fruitful, healthyMs: 0 })
const escalated = { code: 'KCP_POOL_ESCALATED' }

test('more fruitless crashes than are allowed within the window escalate; fruitful and old ones do not', () => {
  const escalation = new Escalation(config)
  for (const atMs of [1_000, 2_000, 15_000, 16_000]) escalation.note(crash(atMs))
  for (const atMs of [17_000, 18_000]) escalation.note(crash(atMs, true))
  expect(escalation.judge(fine)).toBeNull()
  escalation.note(crash(19_000))
  expect(escalation.judge(fine)).toMatchObject(escalated)
  expect(escalation.judge({ ...fine, nowMs: 26_000 })).toBeNull()
})

test.each([
  [['stuck'], true],
  [['stuck', 'idle', 'stuck'], true],
  [['stuck', 'moving'], false],
  [['idle', 'idle'], false],
  [[], false],
] as const)('when the slots are %j, all partitions are stuck: %s; it is over as soon as one moves', (outlooks, expected) => {
  const escalation = new Escalation(config)
  expect(escalation.judge({ ...fine, outlooks }) !== null).toBe(expected)
  expect(escalation.judge(fine)).toBeNull()
})

test('what is not known for a moment, as in a rebalance, neither begins nor ends it', () => {
  const escalation = new Escalation(config)
  const judge = (...outlooks: Outlook[]) => escalation.judge({ ...fine, outlooks }) !== null
  expect(judge('stuck', 'unknown')).toBe(false)
  expect(judge('stuck', 'stuck')).toBe(true)
  expect([judge('unknown', 'unknown'), judge('stuck', 'unknown'), judge('stuck', 'idle')]).toEqual([true, true, true])
  expect([judge('moving', 'unknown'), judge('stuck', 'unknown')]).toEqual([false, false])
})

test('when all slots are parked, or the fourth thread will not die, the pool cannot heal itself', () => {
  const escalation = new Escalation(config)
  expect(escalation.judge({ ...fine, parked: 3, lostThreads: 3 })).toBeNull()
  expect(escalation.judge({ ...fine, parked: 4 })).toMatchObject(escalated)
  expect(escalation.judge({ ...fine, lostThreads: 4 })?.message).toContain('4 threads would not die')
})
