/*
 * A process with a pool, for restart.mjs and rebalance.mjs: says `ready` with its generation and assignment, reports its totals
 * when asked, scales when told to, stops cleanly on SIGTERM.
 */
import process from 'node:process'
import { ConsumerPool } from '#src/index.js'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { brokers, topic, groupId, groupInstanceId, workers, sessionTimeout, ...more } = processTask()
const { handler = 'record', concurrency = 1, ...given } = more
giveToThreads(given)

const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId, groupInstanceId, sessionTimeout },
  workers,
  concurrency,
  topics: [topic],
  handler: new URL(`../handlers/${handler}.mjs`, import.meta.url),
  fromBeginning: true,
  logger: { level: 'warn' },
})

const report = (type) => {
  const { slots, totals } = pool.status()
  const generations = slots.map(({ seat }) => seat.generation)
  const assignment = slots.map(({ assignment: own }) => own.map(({ partition }) => partition).join(' '))
  process.send({
    type,
    generations,
    assignment,
    lag: totals.lag === null ? null : Number(totals.lag),
    inFlight: totals.inFlight,
  })
}

process.on('message', async ({ type, slots }) => {
  if (type === 'scale') await pool.scale(slots)
  report(type)
})
process.once('disconnect', () => process.exit()) // also when the program that started it is gone
process.once('SIGTERM', async () => {
  await pool.stop()
  if (process.connected) process.disconnect()
})
await pool.start()
report('ready')
