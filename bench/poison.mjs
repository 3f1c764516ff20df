/*
 * Ten messages that fail or kill, each in its own way, among 100,000 good ones: what is in the dead-letter topic and why,
 * what is lost or repeated, what the group notices.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exactProducer, kafkaClient, withAdmin } from '#scripts/support/kafka-client.js'
import { machineMs } from '#scripts/support/recorder.js'
import { makeTopic, uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { printTable, printTarget } from './support/figures.mjs'
import { lastGeneration } from './support/group-log.mjs'
import { withKafka } from './support/kafka.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'
import { judge } from './support/verdict.mjs'

const { good, slots, partitions, work, concurrency } = programOptions({
  good: 100_000,
  slots: 4,
  partitions: 8,
  /** CPU ms of each good message. */
  work: 0.2,
  concurrency: 1,
})

/** Each kind, with the reason and the class of error that its dead letter has to name. */
const POISONS = [
  ['throws', 'exhausted', 'Error'],
  ['can never succeed', 'non-retriable', 'NonRetriableError'],
  ['throws outside', 'killed', 'Error'],
  ['rejects unheard', 'killed', 'Error'],
  ['exits', 'killed', 'KCP_THREAD_EXITED'],
  ['loops', 'killed', 'KCP_HANDLER_HUNG'],
  ['waits for ever', 'killed', 'KCP_HANDLER_HUNG'],
  ['backtracks', 'killed', 'KCP_HANDLER_HUNG'],
  ['never settles', 'killed', 'KCP_HANDLER_HUNG'],
  ['takes all memory', 'killed', 'KCP_THREAD_OUT_OF_MEMORY'],
]
const total = good + POISONS.length
const BATCH = 5_000
/** The place of each among all messages: spread evenly, the first not at the start. */
const places = new Map(POISONS.map(([kind], n) => [Math.floor(((n + 0.5) * total) / POISONS.length), kind]))

const fill = async ({ brokers }, topic) => {
  const producer = exactProducer(kafkaClient({ clientId: 'bench', brokers }))
  await producer.connect()
  for (let sent = 0; sent < total; sent += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, total - sent) }, (_, i) => ({
      partition: (sent + i) % partitions,
      value: places.get(sent + i) ?? 'good',
    }))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}

/** Everything in a topic, as KafkaJS reads it. */
const lettersOf = async ({ brokers }, topic, count) => {
  const consumer = kafkaClient({ clientId: 'bench', brokers }).consumer({ groupId: uniqueName('bench-letters') })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const letters = []
  const eachMessage = async ({ message }) => {
    const header = (name) => message.headers[`kcp-dlq-${name}`]?.toString()
    const words = ['reason', 'attempts', 'error-class', 'partition', 'offset'].map((name) => [name, header(name)])
    letters.push({ kind: message.value.toString(), ...Object.fromEntries(words) })
  }
  await consumer.run({ eachMessage })
  await until(() => letters.length >= count, { what: `${count} dead letters`, deadlineMs: 60_000 })
  await consumer.disconnect()
  return letters
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = uniqueName('bench-poison')
  const dead = `${topic}.dlq`
  await withAdmin({ clientId: 'bench', brokers: cluster.brokers }, async (admin) => {
    await makeTopic(admin, topic, { partitions })
    await makeTopic(admin, dead, { partitions })
  })
  await fill(cluster, topic)
  const groupId = uniqueName('bench-poison')
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  giveToThreads({ recordDir, iterations: Math.round(iterationsPerMs() * work) })
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId },
    workers: slots,
    topics: [topic],
    handler: new URL('handlers/poison.mjs', import.meta.url),
    fromBeginning: true,
    concurrency,
    deadLetter: true,
    retry: { attempts: 4 },
    maxProcessingMs: 2_000,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    logger: { level: process.env.BENCH_LOG ?? 'silent' },
  })
  const crashes = []
  pool.on('slot:crashed', ({ inFlight }) => crashes.push(inFlight.length))
  try {
    await pool.start()
    const beganAtMs = machineMs()
    const { generation } = pool.status().slots[0].seat
    const isDone = () => pool.status().totals.lag === '0' && pool.status().totals.inFlight === 0
    await until(isDone, { what: 'the whole topic', deadlineMs: 600_000, everyMs: 50 })
    const seconds = (machineMs() - beganAtMs) / 1_000
    const { rebalances } = pool.status().totals
    const { state } = pool.status()
    const inBrokerLog = await lastGeneration(cluster, groupId)
    await pool.stop()
    const letters = await lettersOf(cluster, dead, POISONS.length)
    const verdict = await judge(cluster, topic, recordDir)
    const neighbours = crashes.reduce((sum, inFlight) => sum + inFlight - 1, 0)

    console.log(`${good} good messages, ${slots} slots, concurrency ${concurrency}: ${seconds.toFixed(1)} s`)
    printTable([
      ['message', 'reason', 'attempts', 'error-class'],
      ...POISONS.map(([kind]) => {
        const { reason, attempts, 'error-class': errorClass } = letters.find((letter) => letter.kind === kind) ?? {}
        return [kind, reason, attempts, errorClass]
      }),
    ])
    console.log()
    const right = POISONS.filter(([kind, reason, errorClass]) => {
      const found = letters.filter((letter) => letter.kind === kind)
      return found.length === 1 && found[0].reason === reason && found[0]['error-class'] === errorClass
    }).length
    const all = POISONS.length
    printTarget('in the dead-letter topic, with the right reason', right === all, right, all)
    printTarget('other dead letters', letters.length === all, letters.length - all, '0')
    printTarget('good messages lost', verdict.lost === all, verdict.lost - all, '0')
    printTarget('good messages finished twice', verdict.finishedTwice === 0, verdict.finishedTwice, '0')
    const begun = verdict.record.filter(({ partition, offset }) => !places.has(offset * partitions + partition))
    const again = begun.length - good
    printTarget(
      'good messages begun again',
      again <= neighbours,
      again,
      `≤ ${neighbours} in flight beside one that kills`,
    )
    printTarget('rebalances', rebalances === 0, rebalances, '0')
    printTarget('generation', inBrokerLog.generation === generation, inBrokerLog.generation, generation)
    printTarget('the pool in the end', state === 'running', state, 'running')
  } finally {
    await pool.stop()
    rmSync(recordDir, { recursive: true, force: true })
  }
})
