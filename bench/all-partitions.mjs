/*
 * Kills under load on partitions with large record batches: how long until *all* partitions of the dead thread are handled
 * again, not only the first one? A batch comes whole or not at all, so this is the time in which several of them arrive.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readRecord } from '#scripts/support/recorder.js'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { allHealed, crashInTurn, watchCrashes } from './support/crash-series.mjs'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Orders } from './support/orders.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'

const options = programOptions({
  crashes: 16,
  slots: 2,
  /** CPU ms of each message. */
  work: 1,
  /** ms after each crash. */
  gap: 1_500,
  /** Bytes of a message; 625 of them make a batch. */
  bytes: 800,
  messages: 100_000,
})
const { crashes: count, slots, work, gap, bytes, messages } = options
const MEDIAN_MS = 50
const WORST_MS = 500

/** For each partition that the slot held when its thread died: when its next message was handled to the end. */
const handledAgain = (record, { slot, noticedAtMs, held }) =>
  held.map((partition) => {
    const next = record.find(
      (handling) =>
        handling.slot === slot &&
        handling.partition === partition &&
        handling.startMs > noticedAtMs &&
        handling.endMs !== null,
    )
    return next === undefined ? Number.POSITIVE_INFINITY : next.endMs - noticedAtMs
  })

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages, bytes })
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  const orders = Orders.create(slots, { iterations: Math.round(iterationsPerMs() * work), restMs: 0 })
  giveToThreads({ recordDir, orders: orders.buffer })
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId: uniqueName('bench-all') },
    workers: slots,
    topics: [topic],
    handler: new URL('handlers/crash.mjs', import.meta.url),
    fromBeginning: true,
    logger: { level: 'silent' },
  })
  try {
    const crashes = watchCrashes(pool)
    await pool.start()
    const held = pool.status().slots.map(({ assignment }) => assignment.map(({ partition }) => partition))
    await crashInTurn(pool, orders, { crashes, count, slots, gapMs: gap, kinds: ['throwOutside', 'exit'] })
    await allHealed(crashes, count)
    await pool.stop()
    const record = readRecord(recordDir)
    const times = crashes.map((crash) => handledAgain(record, { ...crash, held: held[crash.slot] }))
    const first = times.map((each) => Math.min(...each))
    const all = times.map((each) => Math.max(...each))
    console.log(`${count} kills, ${slots} slots, ${work} ms of CPU a message, batches of ${(bytes * 625) / 1_000} kB`)
    const row = (what, figures) => [what, median(figures), Math.max(...figures), figures.map(Math.round).join(' ')]
    printTable([['handled again, ms', 'median', 'worst', 'each'], row('first', first), row('all', all)])
    console.log()
    const [middle, worst] = [median(all), Math.max(...all)]
    printTarget('all partitions, median', middle <= MEDIAN_MS, `${middle.toFixed(0)} ms`, `≤ ${MEDIAN_MS} ms`)
    printTarget('all partitions, worst', worst <= WORST_MS, `${worst.toFixed(0)} ms`, `≤ ${WORST_MS} ms`)
  } finally {
    await pool.stop()
    rmSync(recordDir, { recursive: true, force: true })
  }
})
