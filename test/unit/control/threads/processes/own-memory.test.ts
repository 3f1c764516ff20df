import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ownMemory } from '#src/control/threads/processes/own-memory.js'

test('what a process has for itself counts, and not what all of one program share', () => {
  const status =
    'Name:\tnode\nVmRSS:\t  140 kB\nRssAnon:\t   70 kB\nRssFile:\t   60 kB\nRssShmem:\t   10 kB\nVmData:\t 9 kB\n'
  expect(ownMemory(status)).toBe(80 * 1024)
})

test('where it is not said it is not known', () => {
  expect(ownMemory(null)).toBeUndefined()
  expect(ownMemory('Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined()
})

test.runIf(process.platform === 'linux')('Linux says it of this process', () => {
  const bytes = ownMemory(readFileSync('/proc/self/status', 'utf8'))
  expect(bytes).toBeGreaterThan(2 ** 20)
  expect(bytes).toBeLessThan(process.memoryUsage.rss())
})
