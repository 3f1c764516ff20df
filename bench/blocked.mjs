/*
 * A handler that blocks its thread for a minute at a session timeout of 6 s, while the other slots work. What the group
 * noticed, and what the others did before and meanwhile.
 *
 * The block waits; with `--block burn` it keeps a core busy as well, and then the others lose what the scheduler takes
 * from them: on few cores that is visible, with and without Kafka.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { printTable, printTarget } from './support/figures.mjs'
import { lastGeneration } from './support/group-log.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'

const WORK_MS = 1
const REST_MS = 9
const UNDISTURBED = 0.95

const options = programOptions({ seconds: 60, before: 20, slots: 4, session: 6_000, block: 'wait' })
const { seconds, before, slots, session, block } = options

/** Messages a second of the slots other than 0, over a time. */
const othersRate = async (pool, forMs) => {
  const finished = () => pool.status().slots.reduce((sum, { slot, finished: own }) => (slot === 0 ? sum : sum + own), 0)
  const beganAt = performance.now()
  const first = finished()
  await sleep(forMs)
  return ((finished() - first) / (performance.now() - beganAt)) * 1_000
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  const perSecond = 1_000 / (WORK_MS + REST_MS)
  const topic = await filledTopic(cluster, { messages: Math.ceil((before + seconds + 20) * perSecond * slots) })
  const words = new Int32Array(new SharedArrayBuffer(4))
  const iterations = iterationsPerMs() * WORK_MS
  giveToThreads({ iterations, restMs: REST_MS, block, words: words.buffer })
  const groupId = uniqueName('bench-blocked')
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId, sessionTimeout: session, heartbeatInterval: Math.floor(session / 6) },
    workers: slots,
    topics: [topic],
    handler: new URL('handlers/blocked.mjs', import.meta.url),
    fromBeginning: true,
    logger: { level: 'warn' },
  })
  try {
    await pool.start()
    const { generation } = pool.status().slots[0].seat
    await sleep(2_000)
    const rateBefore = await othersRate(pool, before * 1_000)
    Atomics.store(words, 0, seconds)
    const isBlocked = () => Atomics.load(words, 0) === 0
    await until(isBlocked, { what: 'the block to begin', deadlineMs: 5_000 })
    const { finished } = pool.status().slots[0]
    const rateMeanwhile = await othersRate(pool, (seconds - 1) * 1_000)
    const stillBlocked = pool.status().slots[0].finished === finished
    await until(() => pool.status().slots[0].finished > finished + 1, { what: 'the block to end', deadlineMs: 10_000 })
    const { totals } = pool.status()
    const inBrokerLog = await lastGeneration(cluster, groupId)

    const others = `${slots - 1} other slots`
    printTable([
      [`${seconds} s block (${block}) of slot 0, session timeout ${session} ms`, 'messages a second'],
      [`${others} before (${before} s)`, rateBefore],
      [`${others} meanwhile (${seconds - 1} s)`, rateMeanwhile],
    ])
    console.log()
    const ratio = rateMeanwhile / rateBefore
    const log = `${generation} at the start, ${inBrokerLog.generation} in the broker's log at the end`
    printTarget('slot 0 was blocked all the time', stillBlocked, stillBlocked ? 'yes' : 'no', 'yes')
    printTarget('rebalances', totals.rebalances === 0, totals.rebalances, '0')
    printTarget('generation', inBrokerLog.generation === generation, log, 'the same')
    printTarget('threads replaced', totals.restarts === 0, totals.restarts, '0')
    printTarget('others', ratio >= UNDISTURBED, `${(ratio * 100).toFixed(1)} %`, `≥ ${UNDISTURBED * 100} %`)
  } finally {
    await pool.stop()
  }
})
