import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { readRecord } from '#scripts/support/recorder.js'

const HANDLER = new URL('../support/handlers/record.mjs', import.meta.url)

/** Calls the handler with each value in turn, going on after an error, as slot 3. */
const CALLER = `
  const { workerData } = require('node:worker_threads')
  import(workerData.handler).then(async ({ default: handler }) => {
    for (const [offset, value] of workerData.values.entries()) {
      const message = { topic: 't', partition: 1, offset: String(offset), value: value === null ? null : Buffer.from(value) }
      try { await handler(message, { slot: 3, incarnation: workerData.incarnation, attempt: 1 }) } catch {}
    }
  })
`

const recordFolder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'record-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  return dir
}

/** Runs one incarnation over the values until it is done or dead. */
const incarnate = async (
  dir: string,
  incarnation: number,
  values: readonly (string | null)[],
  more: { resourceLimits?: ResourceLimits; killAfterStart?: boolean } = {},
): Promise<{ exitCode: number; error: unknown }> => {
  const handler = `${HANDLER.href}?dir=${encodeURIComponent(dir)}`
  const worker = new Worker(CALLER, {
    eval: true,
    workerData: { handler, incarnation, values },
    ...(more.resourceLimits === undefined ? {} : { resourceLimits: more.resourceLimits }),
  })
  let error: unknown
  worker.on('error', (thrown) => {
    error = thrown
  })
  const exited = new Promise<number>((resolve) => worker.once('exit', resolve))
  if (more.killAfterStart) {
    // Behind the start: that it will not loop again is noted, too.
    await expect
      .poll(() => readdirSync(dir).some((name) => name.includes('-once.')), { timeout: 10_000, interval: 5 })
      .toBe(true)
    await worker.terminate()
  }
  return { exitCode: await exited, error }
}

const outcomes = (dir: string) =>
  readRecord(dir).map(({ offset, incarnation, outcome }) => [offset, incarnation, outcome])

test('a handling is recorded with its start and its end', async () => {
  const dir = recordFolder()
  await incarnate(dir, 2, ['plain', null, 'block:20', 'sleep:20 and some text'])
  const record = readRecord(dir)
  expect(record.map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
  for (const handling of record) {
    expect(handling).toMatchObject({
      topic: 't',
      partition: 1,
      slot: 3,
      incarnation: 2,
      attempt: 1,
      outcome: 'finished',
    })
    expect(handling.pid).toBe(process.pid)
  }
  const took = record.map(({ startMs, endMs }) => (endMs ?? Number.NaN) - startMs)
  expect(Math.min(...took)).toBeGreaterThanOrEqual(0)
  expect(took[2]).toBeGreaterThanOrEqual(20)
  // setTimeout counts whole milliseconds, so it may come a fraction early.
  expect(took[3]).toBeGreaterThanOrEqual(19)
  expect(record.every(({ startMs }, i) => startMs >= (record[i - 1]?.endMs ?? 0))).toBe(true)
})

test.each([
  'throw',
  'reject',
  'null',
  'undefined',
  'text',
  'hostile',
  'final',
  'flaky:1',
])('a handler told to %s fails that message and goes on', async (deed) => {
  const dir = recordFolder()
  expect(await incarnate(dir, 1, ['plain', deed, 'plain'])).toEqual({ exitCode: 0, error: undefined })
  expect(outcomes(dir)).toEqual([
    [0, 1, 'finished'],
    [1, 1, 'failed'],
    [2, 1, 'finished'],
  ])
})

test.each([
  ['uncaught', 1, {}],
  ['unhandled', 1, {}],
  ['exit', 7, {}],
  ['loop', 1, { killAfterStart: true }],
  ['oom', 1, { resourceLimits: { maxOldGenerationSizeMb: 32 } }],
])('a thread told to %s dies with a start and no end, and with -once does not die again', async (deed, exitCode, more) => {
  const dir = recordFolder()
  const values = [`${deed}-once`, 'plain']
  expect((await incarnate(dir, 1, values, more)).exitCode).toBe(exitCode)
  expect(outcomes(dir)).toEqual([[0, 1, null]])
  expect(await incarnate(dir, 2, values)).toEqual({ exitCode: 0, error: undefined })
  expect(outcomes(dir)).toEqual([
    [0, 1, null],
    [0, 2, 'finished'],
    [1, 2, 'finished'],
  ])
})

test('a message that kills twice is plain work from then on', async () => {
  const dir = recordFolder()
  for (const exitCode of [7, 7, 0]) expect((await incarnate(dir, 1, ['exits:2'])).exitCode).toBe(exitCode)
  expect(outcomes(dir)).toEqual([
    [0, 1, null],
    [0, 1, null],
    [0, 1, 'finished'],
  ])
})

test('the record of a folder that is not there is empty, and a line cut off is no line', () => {
  const dir = recordFolder()
  expect(readRecord(join(dir, 'missing'))).toEqual([])
  writeFileSync(join(dir, '7-5-2-abcd.record'), 'S 1 10.5 t 0 4 3 1 1\nE 1 1')
  expect(readRecord(dir)).toEqual([
    expect.objectContaining({ pid: 7, threadId: 2, offset: 4, startMs: 10.5, endMs: null, outcome: null }),
  ])
})

test('the handler does not load without the folder of the record', async () => {
  await expect(import(HANDLER.href)).rejects.toThrow('Name the folder of the record')
})
