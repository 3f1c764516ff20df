/*
 * The process of thousand-crashes.mjs (run with --expose-gc): crashes the slots of its pool in turn and sends what it held
 * at the start, on the way and at the end.
 */
import process from 'node:process'
import { takeSettledInventory } from '#scripts/support/inventory.js'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { allHealed, crashInTurn, watchCrashes } from './crash-series.mjs'
import { Orders } from './orders.mjs'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { brokers, topic, slots, count, warmUp, gapMs, iterations, recordDir } = processTask()

const warnings = []
process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`))

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
const samples = [{ after: warmUp, ...(await takeSettledInventory(pool)) }]
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
  samples.push({ after: warmUp + Math.min(done + step, count), ...(await takeSettledInventory(pool)) })
}
const { rebalances, restarts, lostThreads } = pool.status().totals
orders.hurry()
await pool.stop()
const stopped = await takeSettledInventory(pool)
process.send({ samples, stopped, rebalances, restarts, lostThreads, warnings, crashes: crashes.length })
