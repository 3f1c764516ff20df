import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { committed, produce } from '../../support/cluster/index.js'
import { topicsFor, untilStored } from '../../support/pool/dead-letter-topics.js'
import { startPool } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4

const stateFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'state-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('by those who are started after it, and goes to the dead-letter topic; its neighbours are all handled', async () => {
  const { topic, dead, create } = await topicsFor(PARTITIONS)
  await create()
  const messages = Array.from({ length: 10 }, (_, n) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({
      partition,
      value: n === 4 && partition === 2 ? 'kill' : 'sleep:100',
    })),
  )
  await produce(topic, messages.flat())
  const record = newRecord()
  const stateDir = stateFolder()
  const groupId = uniqueName('group')
  const options = {
    ...{ topics: [topic], handler: record.handler, workers: 2, concurrency: 2, groupId, stateDir, deadLetter: true },
    consumer: { groupInstanceId: 'node', sessionTimeout: 6_000 },
  }
  // A service manager: starts it again whenever it is gone.
  let deaths = 0
  const isThrough = async () => {
    const offsets = [...(await committed(groupId, topic)).values()]
    return offsets.length === PARTITIONS && offsets.every((offset) => offset === 10n)
  }
  for (;;) {
    const running = await startPoolProcess(options).catch(() => null)
    const isOver = await until(
      async () => {
        if (running === null || !isAlive(running.pid)) return 'dead'
        return (await isThrough()) && 'through'
      },
      { what: 'the process to die, or to have handled everything', everyMs: 200, deadlineMs: 60_000 },
    )
    if (isOver === 'through') {
      await running?.stop()
      break
    }
    deaths += 1
    expect(deaths, 'it goes on killing').toBeLessThan(10)
  }
  const [letter] = await untilStored(dead, 2, 1)
  expect(letter?.letter).toMatchObject({
    ...{ topic, partition: '2', offset: '4', reason: 'killed', attempts: '3', 'error-class': 'PROCESS_DIED' },
    'error-message': `${topic}-2@4 has killed 3 times, the last time the whole process`,
  })
  const all = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => untilStored(dead, partition, 0)))
  expect(all.flat()).toHaveLength(1)
  const finished = record.read().filter(({ outcome }) => outcome === 'finished')
  const handled = new Set(finished.map(({ partition, offset }) => `${partition}@${offset}`))
  expect(handled.size).toBe(10 * PARTITIONS - 1)
  // The first death tells nothing of what was in flight; a second one at which others were, too, blames nobody.
  expect(deaths).toBeGreaterThanOrEqual(4)
  expect(readdirSync(stateDir)).toEqual([])
}, 300_000)

test('a folder that cannot be written to is no reason not to handle messages', async () => {
  const { topic } = await topicsFor(1)
  await produce(topic, [{ value: 'plain' }])
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, stateDir: '/proc/nowhere' }
  const { groupId } = await startPool(options)
  await until(async () => (await committed(groupId, topic)).get(0) === 1n, { what: 'the message', everyMs: 50 })
})
