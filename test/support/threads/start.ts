import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, onTestFinished } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import type { Incarnation, ThreadReport } from '#src/control/threads/incarnation.js'
import { Threads, type ThreadsOptions } from '#src/control/threads/threads.js'

/** A module that a thread loads, or a script. See `workers/entry.cts` for why threads get theirs by way of CommonJS. */
export const fixture = (file: string): URL => new URL(file, import.meta.url)

const silent = pino({ level: 'silent' })

/** Threads of the fixture `actor`, closed when the test has finished. */
export const startThreads = (options: Partial<ThreadsOptions> = {}): Threads => {
  const threads = new Threads({
    size: 1,
    handlers: [],
    entry: fixture('actor.cjs'),
    resourceLimits: {},
    terminateTimeoutMs: 5_000,
    onLost: () => {},
    log: silent,
    ...options,
  })
  onTestFinished(() => threads.close(5_000))
  return threads
}

let incarnation = 0

/** Begins an incarnation that will misbehave as `how` says. */
export const run = (
  threads: Threads,
  how = 'nothing',
  onMessage: (report: ThreadReport) => void = () => {},
): Incarnation => {
  incarnation += 1
  const config = { handler: how, concurrency: 1 } as SlotConfig
  const view = { brokers: [], topics: [] }
  const clientId = `test-00-${incarnation}`
  const limits = { setupTimeoutMs: 60_000, teardownTimeoutMs: 10_000 }
  return threads.run({ slot: 0, incarnation, clientId, config, view, ...limits, logLevel: 'info', onMessage })
}

/** Begins an incarnation and makes it misbehave once it is ready. */
export const provoke = async (
  threads: Threads,
  how: string,
  onMessage?: (report: ThreadReport) => void,
): Promise<Incarnation> => {
  const thread = run(threads, how, onMessage)
  await thread.ready
  thread.send({ type: 'go-on' })
  return thread
}

/** A path for a file that does not exist yet and is removed when the test has finished. */
export const markerFile = (): string => {
  const path = join(tmpdir(), `marker-${randomUUID()}`)
  onTestFinished(() => rmSync(path, { force: true }))
  return path
}

/** An incarnation whose thread is in a native call of 2 s that cannot be interrupted. */
export const provokeBlocked = async (threads: Threads): Promise<Incarnation> => {
  const marker = markerFile()
  const thread = await provoke(threads, `blocks:${marker}`)
  await expect.poll(() => existsSync(marker)).toBe(true)
  return thread
}
