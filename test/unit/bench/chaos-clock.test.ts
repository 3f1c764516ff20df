import { expect, test } from 'vitest'
import { wallClock } from '../../../bench/support/chaos-clock.mjs'

test('between two samples the clock on the wall goes evenly, also when it was slewed, and outside at its own pace', () => {
  const wallMs = wallClock([
    { machineMs: 100, wallMs: 1_000 },
    { machineMs: 200, wallMs: 1_100 },
    { machineMs: 300, wallMs: 1_220 },
  ])
  expect([90, 100, 150, 200, 250, 300, 310].map(wallMs)).toEqual([990, 1_000, 1_050, 1_100, 1_160, 1_220, 1_230])
})
