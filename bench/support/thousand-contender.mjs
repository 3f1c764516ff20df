/*
 * The process of thousand-crashes.mjs (run with --expose-gc): crashes the slots of its pool in turn and sends what it held
 * at the start, on the way and at the end.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { allHealed, crashInTurn, watchCrashes } from './crash-series.mjs'
import { Orders } from './orders.mjs'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { brokers, topic, slots, count, warmUp, gapMs, iterations, recordDir } = processTask()

const warnings = []
process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`))

const countBy = (names) => {
  const counts = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const listDir = (path) => {
  try {
    return readdirSync(path)
  } catch {
    return [] // not Linux
  }
}

const linkOf = (fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // closed meanwhile
  }
}

/** Everything of this process that could leak. */
const inventory = (pool) => {
  const { MessagePort = 0, ...resources } = countBy(process.getActiveResourcesInfo())
  const descriptors = listDir('/proc/self/fd').map(linkOf)
  return {
    rss: process.memoryUsage().rss,
    heap: process.memoryUsage().heapUsed,
    external: process.memoryUsage().external,
    threads: listDir('/proc/self/task').length,
    sockets: descriptors.filter((link) => link.startsWith('socket:')).length,
    descriptors: descriptors.length,
    ports: MessagePort,
    timers: resources.Timeout ?? 0,
    listeners: [process, pool].reduce(
      (sum, emitter) => sum + emitter.eventNames().reduce((own, name) => own + emitter.listenerCount(name), 0),
      0,
    ),
  }
}

/** Memory counts only after garbage is collected and what died has been given back. */
const settled = async (pool) => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await sleep(500)
  }
  return inventory(pool)
}

const orders = Orders.create(slots, { iterations, restMs: 1 })
giveToThreads({ recordDir, orders: orders.buffer })
const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId: uniqueName('bench-thousand') },
  workers: slots,
  topics: [topic],
  handler: new URL('../handlers/crash.mjs', import.meta.url),
  fromBeginning: true,
  logger: { level: 'silent' },
})
const crashes = watchCrashes(pool)
await pool.start()
const kinds = ['throwOutside', 'exit']
await crashInTurn(pool, orders, { crashes, count: warmUp, slots, gapMs, kinds })
await allHealed(crashes, warmUp)
const samples = [{ after: warmUp, ...(await settled(pool)) }]
const step = Math.max(1, Math.floor(count / 10))
for (let done = 0; done < count; done += step) {
  await crashInTurn(pool, orders, {
    crashes,
    first: warmUp + done,
    count: Math.min(step, count - done),
    slots,
    gapMs,
    kinds,
  })
  await allHealed(crashes, warmUp + Math.min(done + step, count))
  samples.push({ after: warmUp + Math.min(done + step, count), ...(await settled(pool)) })
}
const { rebalances, restarts, lostThreads } = pool.status().totals
orders.hurry()
await pool.stop()
const stopped = await settled(pool)
process.send({ samples, stopped, rebalances, restarts, lostThreads, warnings, crashes: crashes.length })
