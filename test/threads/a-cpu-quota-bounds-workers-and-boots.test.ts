import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { availableCores } from '#src/config/available-cores.js'
import { resolveConfig } from '#src/config/resolve.js'
import { startThreads } from '../support/threads/start.js'

const CGROUPS: Readonly<Record<string, string>> = {
  '/proc/self/cgroup': '0::/\n',
  '/sys/fs/cgroup/cpu.max': '200000 100000\n',
  '/sys/fs/cgroup/memory.max': `${2 ** 30}\n`,
}

/** A machine of 16 cores whose container is granted two, and one GiB of memory. */
beforeEach(() => {
  const read = fs.readFileSync
  vi.spyOn(fs, 'readFileSync').mockImplementation(
    ((path: string, ...more: [never]) => CGROUPS[path] ?? read(path, ...more)) as typeof read,
  )
  vi.spyOn(os, 'availableParallelism').mockReturnValue(16)
  syncBuiltinESMExports()
})

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

test('no more threads compute at once than the quota grants', () => {
  expect(availableCores()).toBe(2)
})

const options = {
  kafka: { brokers: ['a:9092'] },
  consumer: { groupId: 'g' },
  topics: ['t'],
  handler: 'file:///h.mjs',
}

test('a pool that does not say how many workers it wants has as many as the quota grants', () => {
  expect(resolveConfig(options).slots).toHaveLength(2)
})

test('the threads share three quarters of the memory that the container may take, and the process takes no more than nine tenths', () => {
  expect(resolveConfig(options).pool).toMatchObject({ resourceLimits: { maxOldGenerationSizeMb: 384 }, maxRssMb: 921 })
})

test('two threads boot at once for each CPU that the quota grants, whatever the machine has', async () => {
  let boots = 0
  const count = () => {
    boots += 1
  }
  process.on('worker', count)
  // The rest has its turn when these are there.
  startThreads({ size: 12, spares: 0 })
  await new Promise(setImmediate)
  process.off('worker', count)
  expect(boots).toBe(4)
})
