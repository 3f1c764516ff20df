/* One contender of leaks.mjs, in a process of its own: sends what happened to the parent. */
import process from 'node:process'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { Meter } from './meter.mjs'
import { processTask } from './program.mjs'
import { giveToThreads } from './thread-data.mjs'

const { keeps, iterations, slots, heapMb, maxRssMb, brokers, topic, messages, target } = processTask()
const meter = Meter.create({ target })
giveToThreads({ meter: meter.shared, iterations, keeps })

let worstRss = 0
const sampling = setInterval(() => {
  worstRss = Math.max(worstRss, process.memoryUsage.rss())
}, 50)

const pool = new ConsumerPool({
  kafka: { brokers },
  consumer: { groupId: uniqueName('bench-leaks') },
  workers: slots,
  topics: [topic],
  handler: new URL('../handlers/leak.mjs', import.meta.url),
  fromBeginning: true,
  resourceLimits: { maxOldGenerationSizeMb: heapMb },
  ...(maxRssMb > 0 ? { maxRssMb } : {}),
  logger: { level: process.env.BENCH_LOG ?? 'silent' },
})
const reasons = {}
const pausesMs = []
const crashes = []
pool.on('slot:recycled', ({ reason, afterMs }) => {
  reasons[reason] = (reasons[reason] ?? 0) + 1
  pausesMs.push(afterMs)
})
pool.on('slot:crashed', ({ error }) => crashes.push(error.code))

await pool.start()
const before = process.cpuUsage()
const rate = await meter.rate({ withinMs: 500_000 })
const isDone = () => pool.status().totals.lag === '0' && pool.status().totals.inFlight === 0
await until(isDone, { what: 'the rest of the topic', deadlineMs: 60_000 })
const { rebalances, finished } = pool.status().totals
clearInterval(sampling)
const { user, system } = process.cpuUsage(before)
process.send({
  ...{ rate, rebalances, reasons, pausesMs, crashes, worstRss },
  cpuMs: (user + system) / 1_000 / messages,
  lost: messages - finished,
  repeated: meter.count - messages,
})
