/* One contender of kills.mjs, in a process of its own: sends what happened to the parent. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from '#scripts/support/recorder.js'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { allHealed, watchCrashes } from './crash-series.mjs'
import { lastGeneration } from './group-log.mjs'
import { Orders } from './orders.mjs'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'
import { judge } from './verdict.mjs'

const { brokers, topic, slots, iterations, seconds, kills, kinds } = processTask()
const SETTLE_MS = 3_000

const groupId = uniqueName('bench-kills')
const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
const orders = Orders.create(slots, { iterations, restMs: 0 })
giveToThreads({ recordDir, orders: orders.buffer })
const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId },
  workers: slots,
  topics: [topic],
  handler: new URL('../handlers/crash.mjs', import.meta.url),
  fromBeginning: true,
  // To fill more would take longer than everything else.
  ...(kinds.includes('outOfMemory')
    ? { resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 } }
    : {}),
  logger: { level: 'silent' },
})
const crashes = watchCrashes(pool)
const total = () => pool.status().totals.finished

try {
  await pool.start()
  const { generation } = pool.status().slots[0].seat
  await sleep(SETTLE_MS)
  const before = { finished: total(), atMs: machineMs() }
  const endAtMs = before.atMs + seconds * 1_000
  const moments = Array.from({ length: kills }, () => before.atMs + Math.random() * seconds * 1_000)
  for (const moment of moments.sort((a, b) => a - b)) {
    await sleep(Math.max(0, moment - machineMs()))
    orders.crash(Math.floor(Math.random() * slots), kinds[Math.floor(Math.random() * kinds.length)])
  }
  await sleep(Math.max(0, endAtMs - machineMs()))
  const after = { finished: total(), atMs: machineMs() }
  if (pool.status().totals.lag === '0') throw new Error('the topic ran dry: use more with --messages')

  // Two orders for a slot within one message are one kill.
  await allHealed(crashes, crashes.length)
  orders.hurry()
  const isDone = () => pool.status().totals.lag === '0' && pool.status().totals.inFlight === 0
  await until(isDone, { what: 'the rest of the topic', deadlineMs: 120_000 })
  const { rebalances } = pool.status().totals
  const inBrokerLog = await lastGeneration({ brokers }, groupId)
  await pool.stop()
  const { lost, repeated, finishedTwice } = await judge({ brokers }, topic, recordDir)
  process.send({
    rate: ((after.finished - before.finished) * 1_000) / (after.atMs - before.atMs),
    kills: crashes.length,
    inFlight: crashes.reduce((sum, crash) => sum + crash.inFlight.length, 0),
    worstMs: Math.max(0, ...crashes.map(({ recoveredAfterMs }) => recoveredAfterMs)),
    ...{ lost, repeated, finishedTwice, rebalances: rebalances + inBrokerLog.generation - generation },
  })
} finally {
  rmSync(recordDir, { recursive: true, force: true })
}
