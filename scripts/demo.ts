import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConsumerPool, PoolError } from '#src/index.js'
import { BrokerError, startBroker } from './broker.js'
import { ArgumentError, demoArguments } from './demo/arguments.js'
import { CleanUp } from './demo/clean-up.js'
import { consume } from './demo/consume.js'
import { findDocuments, partitionsFor, planMessages } from './demo/plan.js'
import { count, megabytes, report, seconds } from './demo/report.js'
import { sampleOneThread } from './demo/sample.js'
import { Topic } from './demo/topic.js'
import { readRecord } from './support/recorder.js'
import { uniqueName } from './support/topics.js'

/*
 * Compresses documents with brotli on every core. They come from a Kafka topic, one message each; half-way one thread
 * is crashed on purpose. In the end every document must have been compressed and every offset committed.
 */

const cleanUp = new CleanUp()
const say = (what: string, text: string): void => console.log(`${what.padEnd(14)}${text}`)

const demo = async (): Promise<boolean> => {
  const { folder, everyFile, budgetMs } = demoArguments(process.argv.slice(2))
  const slots = availableParallelism()

  // What there is to do, and how fast one thread alone is.
  const documents = findDocuments(folder, everyFile)
  if (documents.length === 0) throw new ArgumentError(`There is no file of 1 byte to 256 KiB below ${folder}.`)
  const bytesOf = (files: readonly { bytes: number }[]) => megabytes(files.reduce((sum, { bytes }) => sum + bytes, 0))
  say('Documents', `${count(documents.length)} files below ${folder}, ${bytesOf(documents)}`)
  const sample = await sampleOneThread({ documents, budgetMs: budgetMs / 10 })
  say(
    'One thread',
    `${count(sample.documents)} of them (${megabytes(sample.bytes)}) in ${seconds(sample.ms)}, without Kafka`,
  )
  const [load = 0] = loadavg()
  if (load > slots) say('Note', `the machine is busy (load ${load.toFixed(1)}): the speed-up will be less`)

  // Everything goes into a topic of its own.
  const broker = await startBroker()
  cleanUp.after(() => broker.stop())
  const messages = planMessages(documents, sample, { slots, budgetMs })
  const topic = new Topic(uniqueName('demo'), broker.brokers)
  cleanUp.after(() => topic.close())
  await topic.create(partitionsFor(slots))
  await topic.produce(messages)
  say('Topic', `${count(messages.length)} messages, ${bytesOf(messages)}, on ${partitionsFor(slots)} partitions`)
  say('Pool', `${slots} slots for ${slots} cores, about ${seconds(budgetMs)} of work`)

  // The handlers record every call in files of this folder.
  const folderOfRecord = mkdtempSync(join(tmpdir(), 'demo-'))
  cleanUp.after(() => rmSync(folderOfRecord, { recursive: true }))
  process.env.DEMO_RECORD = folderOfRecord

  const pool = new ConsumerPool({
    kafka: { brokers: broker.brokers, clientId: 'demo' },
    consumer: { groupId: topic.name },
    workers: slots,
    topics: [topic.name],
    handler: new URL('./demo/handler.js', import.meta.url),
    fromBeginning: true,
    logger: { level: 'silent' },
  })
  cleanUp.after(() => pool.stop())
  const course = await consume(pool, messages.length, process.stdout)
  await pool.stop()

  const { lines, verdict, complete } = report({
    messages,
    slots,
    sample,
    record: readRecord(folderOfRecord),
    ...course,
    produced: await topic.produced(),
    committed: await topic.committed(topic.name),
  })
  console.log(['', ...lines, '', verdict].join('\n'))
  return complete
}

try {
  process.exitCode = (await demo()) ? 0 : 1
} catch (error) {
  if (!cleanUp.stopped) {
    const expected = error instanceof PoolError || error instanceof BrokerError || error instanceof ArgumentError
    console.error(expected ? error.message : error)
    process.exitCode = 1
  }
} finally {
  await cleanUp.run()
}
