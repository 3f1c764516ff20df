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

/** A service manager: starts it again whenever it is gone, until all is committed. @returns how often it has died */
const keepRunning = async (
  options: Parameters<typeof startPoolProcess>[0] & { readonly topics: readonly string[]; readonly groupId: string },
  isAll: (offsets: readonly bigint[]) => boolean,
): Promise<number> => {
  const { topics, groupId } = options
  const isThrough = async () => {
    const offsets = [...(await committed(groupId, topics[0] ?? '')).values()]
    return offsets.length > 0 && isAll(offsets)
  }
  for (let deaths = 0; ; deaths++) {
    expect(deaths, 'it goes on killing').toBeLessThan(10)
    const running = await startPoolProcess(options).catch(() => null)
    const isOver = await until(
      async () => {
        if (running === null || !isAlive(running.pid)) return 'dead'
        return (await isThrough()) && 'through'
      },
      { what: 'the process to die, or to have handled everything', everyMs: 200, deadlineMs: 60_000 },
    )
    if (isOver === 'dead') continue
    await running?.stop()
    return deaths
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
  const deaths = await keepRunning(
    options,
    (offsets) => offsets.length === PARTITIONS && offsets.every((offset) => offset === 10n),
  )
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

test('also when it is the first one of its group, which has committed nothing yet', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await create()
  await produce(topic, [{ value: 'kill' }, { value: 'plain' }])
  const record = newRecord()
  const options = {
    ...{ topics: [topic], handler: record.handler, workers: 1, groupId: uniqueName('group'), deadLetter: true },
    ...{ stateDir: stateFolder(), consumer: { groupInstanceId: 'node', sessionTimeout: 6_000 } },
  }
  expect(await keepRunning(options, (offsets) => offsets[0] === 2n)).toBe(4)
  expect((await untilStored(dead, 0, 1))[0]?.letter).toMatchObject({ offset: '0', reason: 'killed', attempts: '3' })
}, 300_000)

test('a folder that cannot be written to is no reason not to handle messages', async () => {
  const { topic } = await topicsFor(1)
  await produce(topic, [{ value: 'plain' }])
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, stateDir: '/proc/nowhere' }
  const { groupId } = await startPool(options)
  await until(async () => (await committed(groupId, topic)).get(0) === 1n, { what: 'the message', everyMs: 50 })
})
