/* One contender of idle.mjs, in a process of its own: sends what it used of CPU and memory while nothing came. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { processTask } from './program.mjs'
import { rivalClient } from './rival.mjs'

const { contender, members, brokers, topic, settleMs, measureMs } = processTask()

const contenders = {
  kafkajs: () => {
    const groupId = uniqueName('bench-idle-kafkajs')
    return Promise.all(
      Array.from({ length: members }, async () => {
        const consumer = rivalClient(brokers).consumer({ groupId })
        const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
        await consumer.connect()
        await consumer.subscribe({ topics: [topic] })
        await consumer.run({ eachMessage: async () => {} })
        await joined
      }),
    )
  },
  pool: () =>
    new ConsumerPool({
      kafka: { brokers },
      consumer: { groupId: uniqueName('bench-idle-pool') },
      workers: members,
      topics: [topic],
      handler: new URL('../handlers/empty.mjs', import.meta.url),
      logger: { level: 'warn' },
    }).start(),
}

await contenders[contender]()
await sleep(settleMs)
const before = process.cpuUsage()
const beganAt = performance.now()
await sleep(measureMs)
const { user, system } = process.cpuUsage(before)
const seconds = (performance.now() - beganAt) / 1_000
process.send({ cpuMsPerSecond: (user + system) / 1_000 / seconds, rss: process.memoryUsage().rss })
