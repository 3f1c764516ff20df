/*
 * What the admin server costs, and how soon it answers: one slot per core with handlers of 1 ms of CPU, and 20 requests a
 * second from another process to /metrics, /status and /readyz in turn, against the same load without. The contenders run
 * in turn. A heartbeat cannot be later than the main loop is: its longest delay is taken while all cores are busy.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { iterationsPerMs } from './support/burn.mjs'
import { median, percentile, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Meter } from './support/meter.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { giveToThreads } from './support/thread-data.mjs'

const WORK_MS = 1
const PATHS = ['/metrics', '/status', '/readyz']
const HEARTBEAT_MS = 300
const TARGET = { p99Ms: 50, throughput: 0.98 }

const options = programOptions({ rounds: 3, seconds: 8, threads: os.availableParallelism(), perSecond: 20 })
const { rounds, seconds, threads, perSecond } = options

/** A process that asks; there in either case, so that it takes as much when it only waits. */
const startAsker = async () => {
  const entry = new URL('support/admin-asker.mjs', import.meta.url)
  const asker = fork(entry, [JSON.stringify({ perSecond, paths: PATHS })])
  await once(asker, 'message')
  return asker
}

const measure = async (contender, cluster, topic) => {
  const calls = Math.round((seconds * threads * 1_000) / WORK_MS)
  const meter = Meter.create({ target: calls })
  giveToThreads({ meter: meter.shared, iterations: Math.round(iterations * WORK_MS) })
  const asker = await startAsker()
  const pool = new ConsumerPool({
    kafka: { brokers: cluster.brokers },
    consumer: { groupId: uniqueName('bench-admin'), heartbeatInterval: HEARTBEAT_MS },
    workers: threads,
    topics: [topic],
    handler: new URL('handlers/cpu.mjs', import.meta.url),
    fromBeginning: true,
    logger: { level: 'warn' },
    admin: contender === 'with' && { port: 0 },
  })
  try {
    await pool.start()
    const delays = monitorEventLoopDelay({ resolution: 10 })
    delays.enable()
    const before = performance.eventLoopUtilization()
    const beganAt = performance.now()
    if (contender === 'with') asker.send({ address: pool.adminAddress })
    const rate = await meter.rate({ withinMs: seconds * 10_000 })
    delays.disable()
    const { active } = performance.eventLoopUtilization(before)
    const seen = { rate, delayMs: delays.max / 1e6, activeMs: (active / (performance.now() - beganAt)) * 1_000 }
    const { state, totals } = pool.status()
    if (state !== 'running' || totals.rebalances > 0)
      throw new Error(`the pool is ${state} after ${totals.rebalances} rebalances`)
    if (contender === 'without') return { ...seen, askerMs: 0 }
    asker.send({})
    const [{ took, cpuMs }] = await once(asker, 'message')
    return { ...seen, took, askerMs: (cpuMs / (performance.now() - beganAt)) * 1_000 }
  } finally {
    asker.kill()
    await pool.stop()
  }
}

const iterations = iterationsPerMs()

await withKafka(async (cluster) => {
  printMachine(cluster)
  // Enough that no partition runs dry before the last call that counts.
  const topic = await filledTopic(cluster, { messages: Math.ceil(seconds * threads * 1_000 * 1.5) })
  const results = { without: [], with: [] }
  for (let round = 0; round < rounds; round++) {
    for (const contender of Object.keys(results)) results[contender].push(await measure(contender, cluster, topic))
  }
  const rows = [
    [
      'admin server',
      'messages a second',
      'by round',
      'longest delay of the main loop, ms',
      'main loop busy, ms a second',
      'asker, CPU ms a second',
    ],
  ]
  for (const [contender, measured] of Object.entries(results)) {
    const rates = measured.map(({ rate }) => rate)
    const byRound = rates.map((rate) => rate.toFixed(0)).join(' ')
    const longest = Math.max(...measured.map(({ delayMs }) => delayMs))
    const [activeMs, askerMs] = ['activeMs', 'askerMs'].map((figure) => median(measured.map((each) => each[figure])))
    rows.push([contender, median(rates), byRound, longest, activeMs, askerMs])
  }
  printTable(rows)
  console.log()
  const tookBy = (path) => results.with.flatMap(({ took }) => took[path])
  const all = PATHS.flatMap(tookBy)
  printTable([
    [`${all.length} answers`, 'median ms', 'p99 ms', 'longest ms'],
    ...PATHS.map((path) => [path, median(tookBy(path)), percentile(tookBy(path), 0.99), Math.max(...tookBy(path))]),
    ['all', median(all), percentile(all, 0.99), Math.max(...all)],
  ])
  console.log()
  const rateOf = (contender) => median(results[contender].map(({ rate }) => rate))
  const share = rateOf('with') / rateOf('without')
  const p99 = percentile(all, 0.99)
  const delay = Math.max(...results.with.map(({ delayMs }) => delayMs))
  printTarget('p99 of the answers', p99 <= TARGET.p99Ms, `${p99.toFixed(1)} ms`, `≤ ${TARGET.p99Ms} ms`)
  printTarget(
    'no heartbeat late',
    delay <= HEARTBEAT_MS,
    `${delay.toFixed(0)} ms at most`,
    `≤ an interval, ${HEARTBEAT_MS} ms`,
  )
  printTarget(
    'throughput',
    share >= TARGET.throughput,
    `${(share * 100).toFixed(1)} %`,
    `≥ ${TARGET.throughput * 100} %`,
  )
})
