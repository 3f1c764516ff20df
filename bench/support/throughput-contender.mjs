/* One contender of empty-handler.mjs, in a process of its own: sends its rate, memory and CPU time to the parent. */
import process from 'node:process'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { Meter } from './meter.mjs'
import { processTask } from './program.mjs'
import { PARTITIONS, rivalClient } from './rival.mjs'
import { giveToThreads } from './thread-data.mjs'

const { contender, handler, brokers, topic, target } = processTask()
const meter = Meter.create({ target })
giveToThreads({ meter: meter.shared })
const handlerUrl = new URL(`../handlers/${handler}.mjs`, import.meta.url)

const contenders = {
  /** As fast as KafkaJS's documentation makes it: all partitions at once, offsets committed by itself. */
  kafkajs: async () => {
    const { default: handle } = await import(handlerUrl)
    const consumer = rivalClient(brokers).consumer({ groupId: uniqueName('bench-kafkajs') })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommitInterval: 500,
      partitionsConsumedConcurrently: PARTITIONS,
      eachMessage: async ({ message }) => handle(message),
    })
  },
  pool: () =>
    new ConsumerPool({
      kafka: { brokers },
      consumer: { groupId: uniqueName('bench-pool') },
      workers: 1,
      topics: [topic],
      handler: handlerUrl,
      fromBeginning: true,
      logger: { level: 'warn' },
    }).start(),
}

await contenders[contender]()
const rate = await meter.rate({ withinMs: 100_000 })
const { user, system } = process.cpuUsage()
process.send({ rate, rss: process.memoryUsage().rss, cpuSeconds: (user + system) / 1e6 })
