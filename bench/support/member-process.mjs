/*
 * A process with a pool, for restart.mjs: says `ready` with its generation and assignment, reports its totals when asked,
 * stops cleanly on SIGTERM.
 */
import process from 'node:process'
import { ConsumerPool } from '#src/index.js'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { brokers, topic, groupId, groupInstanceId, workers, recordDir, iterations, sessionTimeout } = processTask()
giveToThreads({ recordDir, iterations })

const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId, groupInstanceId, sessionTimeout },
  workers,
  topics: [topic],
  handler: new URL('../handlers/record.mjs', import.meta.url),
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

process.on('message', () => report('status'))
process.once('disconnect', () => process.exit()) // also when the program that started it is gone
process.once('SIGTERM', async () => {
  await pool.stop()
  if (process.connected) process.disconnect()
})
await pool.start()
report('ready')
