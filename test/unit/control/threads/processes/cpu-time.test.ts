import { readFileSync } from 'node:fs'
import { platform } from 'node:os'
import { expect, test } from 'vitest'
import { cpuTimeMs } from '#src/control/threads/processes/cpu-time.js'

test('the times in user and in kernel mode are added, whatever the name of the program', () => {
  const stat = '42 (a) R (b) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 7 7 20 0 11 0 100 1000 10'
  expect(cpuTimeMs(stat)).toBe(2_000)
})

test.each([null, '', '42 (node) S 1'])('what does not say it says nothing: %o', (stat) => {
  expect(cpuTimeMs(stat)).toBeUndefined()
})

test.runIf(platform() === 'linux')('what Linux says of this process is what Node says of it', () => {
  const { user, system } = process.cpuUsage()
  const said = cpuTimeMs(readFileSync('/proc/self/stat', 'utf8')) ?? 0
  expect(Math.abs(said - (user + system) / 1_000)).toBeLessThan(500)
})
