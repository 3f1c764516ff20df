import { readFileSync } from 'node:fs'
import { platform } from 'node:os'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { giveWayLater } from '#src/data/handling/give-way.js'
import { deferred } from '#src/util/deferred.js'

test('a thread gives way once, 150 ms after it began to handle messages', () => {
  let nowMs = 1_000
  let given = 0
  const turn = giveWayLater(
    () => given++,
    () => nowMs,
  )
  nowMs = 5_000 // before the first message no time counts
  turn()
  nowMs += 149
  turn()
  expect(given).toBe(0)
  nowMs += 1
  turn()
  turn()
  expect(given).toBe(1)
})

test.runIf(platform() === 'linux')('of all threads only the one that gives way gets nicer', async () => {
  const answer = deferred<number>()
  const program = `
    const { parentPort } = require('node:worker_threads')
    const { readFileSync } = require('node:fs')
    import(${JSON.stringify(import.meta.resolve('#src/data/handling/give-way.js'))}).then(({ giveWay }) => {
      giveWay()
      parentPort.postMessage(readFileSync('/proc/thread-self/stat', 'utf8'))
    })`
  const before = niceness(readFileSync('/proc/thread-self/stat', 'utf8'))
  const worker = new Worker(program, { eval: true })
  worker.once('message', (stat: string) => answer.resolve(niceness(stat)))
  worker.once('error', answer.reject)
  expect(await answer.promise).toBe(Math.min(before + 5, 19))
  expect(niceness(readFileSync('/proc/thread-self/stat', 'utf8'))).toBe(before)
  await worker.terminate()
})

/** Field 19 of the kernel's line on a thread; the name, which may hold spaces, stands in parentheses. */
const niceness = (stat: string): number => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
