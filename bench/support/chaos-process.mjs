/*
 * A process with a pool, for chaos.mjs: writes down what its pool says, at once, so that it is known after a SIGKILL; stops
 * cleanly on SIGTERM.
 */
import { openSync, writeSync } from 'node:fs'
import process from 'node:process'
import { machineMs } from '#scripts/support/recorder.js'
import { ConsumerPool } from '#src/index.js'
import { TIMES } from './chaos-times.mjs'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { brokers, topic, groupId, groupInstanceId, workers, recordDir, diary } = processTask()
giveToThreads({ recordDir })

const EVENTS = ['group:joined', 'group:assigned', 'group:revoking', 'group:lost', 'offsets:committed']
const MORE = [
  'slot:crashed',
  'slot:recovered',
  'slot:parked',
  'slot:stalled',
  'group:fenced',
  'offset:reset',
  'pool:escalated',
]

const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId, groupInstanceId, sessionTimeout: TIMES.sessionMs, heartbeatInterval: TIMES.heartbeatMs },
  workers,
  commitIntervalMs: TIMES.commitMs,
  topics: [topic],
  assignors: ['cooperative-sticky'],
  handler: new URL('../handlers/chaos.mjs', import.meta.url),
  fromBeginning: true,
  logger: { level: 'error' },
})

const file = openSync(diary, 'a')
for (const event of [...EVENTS, ...MORE]) {
  pool.on(event, (payload) => {
    const { error, ...rest } = payload
    const said = error === undefined ? rest : { ...rest, error: error.message }
    writeSync(file, `${JSON.stringify({ pid: process.pid, machineMs: machineMs(), event, ...said })}\n`)
  })
}
process.once('disconnect', () => process.exit()) // also when the program that started it is gone
process.once('SIGTERM', async () => {
  await pool.stop()
  if (process.connected) process.disconnect()
})
await pool.start()
process.send({ type: 'ready' })
