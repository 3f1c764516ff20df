/*
 * A handler with a fixed amount of CPU work, in the pool with one slot per core, against the same number of calls of the
 * same function in the same number of bare threads without Kafka. The contenders run in turn.
 */
import os from 'node:os'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Meter } from './support/meter.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'

const WORK_MS = [0.1, 1, 5]
const TARGET = 0.97

const options = programOptions({ rounds: 5, seconds: 6, threads: os.availableParallelism() })
const { rounds, seconds, threads } = options
const withinMs = seconds * 10_000

const callsFor = (workMs) => Math.round((seconds * threads * 1_000) / workMs)

const bareRate = async (meter) => {
  const entry = new URL('handlers/bare-thread.mjs', import.meta.url)
  const workers = Array.from({ length: threads }, () => new Worker(entry))
  const rate = await meter.rate({ withinMs })
  await Promise.all(workers.map((worker) => worker.terminate()))
  return rate
}

const poolRate = async (meter, cluster, topic) => {
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId: uniqueName('bench-cpu') },
    workers: threads,
    topics: [topic],
    handler: new URL('handlers/cpu.mjs', import.meta.url),
    fromBeginning: true,
    logger: { level: 'warn' },
  })
  try {
    await pool.start()
    return await meter.rate({ withinMs })
  } finally {
    await pool.stop()
  }
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  // Enough that no partition runs dry before the last call that counts.
  const topic = await filledTopic(cluster, { messages: Math.ceil(callsFor(Math.min(...WORK_MS)) * 1.25) })
  const perMs = iterationsPerMs()
  const rows = [['work per message', 'calls', 'bare threads', 'pool', 'ratio of medians', 'by round', 'CPU ms a call']]
  const results = []
  for (const workMs of WORK_MS) {
    const rates = { bare: [], pool: [] }
    const cpu = { bare: [], pool: [] }
    for (let round = 0; round < rounds; round++) {
      for (const contender of ['bare', 'pool']) {
        const meter = Meter.create({ target: callsFor(workMs) })
        giveToThreads({ meter: meter.shared, iterations: Math.round(perMs * workMs) })
        const before = process.cpuUsage()
        rates[contender].push(await (contender === 'bare' ? bareRate(meter) : poolRate(meter, cluster, topic)))
        const { user, system } = process.cpuUsage(before)
        cpu[contender].push((user + system) / 1_000 / meter.shared.target)
      }
    }
    const ratio = median(rates.pool) / median(rates.bare)
    const byRound = rates.pool.map((rate, round) => (rate / rates.bare[round]).toFixed(3)).join(' ')
    const cpuMs = `${median(cpu.bare).toFixed(3)} → ${median(cpu.pool).toFixed(3)}`
    const medians = [median(rates.bare), median(rates.pool), ratio.toFixed(3)]
    rows.push([`${workMs} ms`, callsFor(workMs), ...medians, byRound, cpuMs])
    results.push({ workMs, ratio })
  }
  console.log(`calls a second, medians of ${rounds} rounds, ${threads} threads`)
  printTable(rows)
  console.log()
  for (const { workMs, ratio } of results.filter(({ workMs }) => workMs >= 1)) {
    printTarget(`${workMs} ms of work`, ratio >= TARGET, `${(ratio * 100).toFixed(1)} %`, `≥ ${TARGET * 100} %`)
  }
})
