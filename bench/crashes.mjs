/*
 * Thread crashes under load: thrown outside the handler, process.exit, an endless loop that the deadline ends, the memory
 * limit. What the group noticed, what was lost or repeated, and how long until the slot handled messages again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { allHealed, crashInTurn, watchCrashes } from './support/crash-series.mjs'
import { median, percentile, printTable, printTarget } from './support/figures.mjs'
import { lastGeneration } from './support/group-log.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Orders } from './support/orders.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'
import { judge } from './support/verdict.mjs'

const options = programOptions({
  crashes: 100,
  slots: 4,
  /** CPU ms of each message. */
  work: 1,
  /** ms for which each message then blocks its thread. */
  rest: 0,
  /** ms after each crash. */
  gap: 400,
  messages: 200_000,
})
const { crashes: count, slots, work, rest, gap, messages } = options
const MEDIAN_MS = 50
const WORST_MS = 500

const measure = async (cluster, topic, members, iterations) => {
  const groupId = uniqueName(`bench-crashes-${members}`)
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  const orders = Orders.create(slots, { iterations, restMs: rest })
  giveToThreads({ recordDir, orders: orders.buffer })
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId, ...(members === 'static' ? { groupInstanceId: 'bench' } : {}) },
    workers: slots,
    topics: [topic],
    handler: new URL('handlers/crash.mjs', import.meta.url),
    fromBeginning: true,
    maxProcessingMs: 2_000,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    logger: { level: 'silent' },
  })
  try {
    const crashes = watchCrashes(pool)
    await pool.start()
    const { generation } = pool.status().slots[0].seat
    await crashInTurn(pool, orders, { crashes, count, slots, gapMs: gap })
    await allHealed(crashes, count)
    orders.hurry()
    const isDone = () => pool.status().totals.lag === '0' && pool.status().totals.inFlight === 0
    await until(isDone, { what: 'the rest of the topic', deadlineMs: 120_000 })
    const { rebalances } = pool.status().totals
    const inBrokerLog = await lastGeneration(cluster, groupId)
    await pool.stop()
    const { record, ...verdict } = await judge(cluster, topic, recordDir)
    const againMs = crashes.map((crash) => firstHandledAfter(record, crash) - crash.noticedAtMs)
    return { members, crashes, rebalances, generation, inBrokerLog, ...verdict, againMs }
  } finally {
    await pool.stop()
    rmSync(recordDir, { recursive: true, force: true })
  }
}

/** When the slot had handled its next message to the end, whatever the pool says about its recovery. */
const firstHandledAfter = (record, { slot, noticedAtMs }) =>
  record.reduce(
    (first, handling) =>
      handling.slot === slot && handling.startMs > noticedAtMs && handling.endMs !== null
        ? Math.min(first, handling.endMs)
        : first,
    Number.POSITIVE_INFINITY,
  )

/** Error codes and how often each came. */
const codesOf = (crashes) => {
  const counts = new Map()
  for (const { code } of crashes) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts].map(([code, times]) => `${times} ${code}`).join(', ')
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages, bytes: 100 })
  const iterations = Math.round(iterationsPerMs() * work)
  const results = []
  for (const members of ['dynamic', 'static']) results.push(await measure(cluster, topic, members, iterations))

  console.log(
    `${count} crashes on ${slots} slots, ${work} ms of CPU and ${rest} ms of rest a message, ${messages} messages`,
  )
  for (const { members, crashes } of results) console.log(`${members}: ${codesOf(crashes)}`)
  const rows = [['', 'rebalances', 'lost', 'repeated', 'in flight', 'recovered ms: median', '95 %', 'worst']]
  rows[0].push('next message handled ms: median', '95 %', 'worst')
  for (const result of results) {
    const inFlight = result.crashes.reduce((sum, crash) => sum + crash.inFlight.length, 0)
    const recovered = result.crashes.map(({ recoveredAfterMs }) => recoveredAfterMs)
    const spread = (times) => [median(times), percentile(times, 0.95), Math.max(...times)]
    rows.push([result.members, result.rebalances, result.lost, result.repeated, inFlight])
    rows.at(-1).push(...spread(recovered), ...spread(result.againMs))
  }
  printTable(rows)
  console.log()
  for (const { members, crashes, rebalances, lost, repeated, againMs, generation, inBrokerLog } of results) {
    const inFlight = crashes.reduce((sum, crash) => sum + crash.inFlight.length, 0)
    const [middle, worst] = [median(againMs), Math.max(...againMs)].map((ms) => `${ms.toFixed(0)} ms`)
    const log = `${generation} at the start, ${inBrokerLog.generation} in the broker's log at the end`
    printTarget(`${members}: rebalances`, rebalances === 0, rebalances, '0')
    printTarget(`${members}: generation`, inBrokerLog.generation === generation, log, 'the same')
    printTarget(`${members}: lost`, lost === 0, lost, '0')
    printTarget(`${members}: repeated`, repeated <= inFlight, repeated, `≤ ${inFlight} in flight`)
    printTarget(`${members}: handling again, median`, median(againMs) <= MEDIAN_MS, middle, `≤ ${MEDIAN_MS} ms`)
    printTarget(`${members}: handling again, worst`, Math.max(...againMs) <= WORST_MS, worst, `≤ ${WORST_MS} ms`)
  }
})
