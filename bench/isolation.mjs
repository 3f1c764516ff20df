/*
 * What isolation by process costs: the same pool with one slot per core, filled with threads and with processes, in turn,
 * each in a process of its own. Linux only, because of the memory.
 */
import os from 'node:os'
import { iterationsPerMs } from './support/burn.mjs'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const CONTENDERS = ['thread', 'process']
const TARGET = 0.95

const { rounds, seconds, workers, work, messages } = programOptions({
  ...{ rounds: 3, seconds: 5, workers: os.availableParallelism() },
  ...{ work: '0,0.1,1', messages: 1_000_000 },
})
const entry = new URL('support/isolation-contender.mjs', import.meta.url)

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages })
  const perMs = iterationsPerMs()
  const rows = [
    ['work per message', 'threads msg/s', 'processes msg/s', 'ratio of medians', 'by round', 'CPU ms a message'],
  ]
  const all = { thread: [], process: [] }
  const ratios = []
  for (const workMs of work.split(',').map(Number)) {
    const most = Math.floor(messages * 0.8) // no partition runs dry before
    const target = workMs === 0 ? most : Math.min(most, Math.round((seconds * workers * 1_000) / workMs))
    const rates = { thread: [], process: [] }
    const cpu = { thread: [], process: [] }
    for (let round = 0; round < rounds; round++) {
      for (const isolation of CONTENDERS) {
        const iterations = Math.round(perMs * workMs)
        const task = { isolation, iterations, workers, brokers: cluster.brokers, topic, target }
        const result = await measureInProcess(entry, task)
        rates[isolation].push(result.rate)
        cpu[isolation].push(result.cpuMsPerMessage)
        all[isolation].push(result)
      }
    }
    const ratio = median(rates.process) / median(rates.thread)
    const byRound = rates.process.map((rate, round) => (rate / rates.thread[round]).toFixed(3)).join(' ')
    rows.push([
      workMs === 0 ? 'none' : `${workMs} ms`,
      median(rates.thread),
      median(rates.process),
      ratio.toFixed(3),
      byRound,
      CONTENDERS.map((isolation) => median(cpu[isolation]).toFixed(4)).join(' → '),
    ])
    ratios.push({ workMs, ratio })
  }
  printTable(rows)
  const figure = (isolation, name) => median(all[isolation].map((result) => result[name]))
  console.log()
  printTable([
    ['', 'start ms', 'main MB', 'children MB (PSS, spares too)', 'handover after SIGKILL ms'],
    ...CONTENDERS.map((isolation) => [
      isolation,
      ...['startMs', 'mainMb', 'childrenMb'].map((name) => figure(isolation, name)),
      isolation === 'process' ? figure(isolation, 'healMs') : '',
    ]),
  ])
  console.log()
  for (const { workMs, ratio } of ratios.filter(({ workMs }) => workMs >= 1)) {
    printTarget(`${workMs} ms of work`, ratio >= TARGET, `${(ratio * 100).toFixed(1)} %`, `≥ ${TARGET * 100} %`)
  }
})
