import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { FromPool } from '#src/cli/supervise/messages.js'
import { startPoolProcess } from '#src/cli/supervise/pool-process.js'

/** Runs the command with this configuration until it ends, and resolves with what it said and how it ended. */
const run = async (config: object) => {
  const folder = mkdtempSync(join(tmpdir(), 'supervised-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'pool.json')
  writeFileSync(file, JSON.stringify(config))
  const heard: FromPool[] = []
  const started = startPoolProcess(['run', '--supervised', '--log-level', 'silent', '--config', file], (message) =>
    heard.push(message),
  )
  return { heard, exit: await started.exited }
}

test('a process whose configuration cannot be used has said so before its end is told', async () => {
  const { heard, exit } = await run({ workers: 0 })
  expect(heard).toEqual([{ type: 'refused' }])
  expect(exit).toEqual({ code: 1, signal: null })
})

test('a process says its options of restart, and nothing of a pool that never ran', async () => {
  const { heard, exit } = await run({
    ...{ topics: ['t'], handler: './handler.mjs', workers: 1, restart: { maxRestarts: 3 } },
    kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 } },
    consumer: { groupId: 'g' },
  })
  expect(heard).toMatchObject([{ type: 'configured', restart: { maxRestarts: 3, delayMs: 1_000 } }])
  expect(exit).toEqual({ code: 1, signal: null })
})
