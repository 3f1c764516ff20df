/*
 * Threads are killed at random moments of ten minutes of load, 300 in all: what is left of the throughput of the same
 * load without kills, what is lost or repeated. In turn, each round in a process of its own.
 */
import os from 'node:os'
import { iterationsPerMs } from './support/burn.mjs'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const TARGET = 0.9

const options = programOptions({
  rounds: 5,
  seconds: 120,
  /** Of each round. */
  kills: 60,
  slots: os.availableParallelism(),
  /** CPU ms of each message. */
  work: 1,
  messages: 400_000,
  /** Ways to die, of support/orders.mjs. */
  kinds: 'throwOutside,exit',
})
const { rounds, seconds, kills, slots, work, messages, kinds } = options
const entry = new URL('support/kills-contender.mjs', import.meta.url)

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages, bytes: 100 })
  const iterations = Math.round(iterationsPerMs() * work)
  const task = { brokers: cluster.brokers, topic, slots, seconds, iterations, kinds: kinds.split(',') }
  const results = { 'no kills': [], kills: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [name, runs] of Object.entries(results)) {
      const withinMs = seconds * 1_000 + 300_000
      runs.push(await measureInProcess(entry, { ...task, kills: name === 'kills' ? kills : 0 }, { withinMs }))
    }
  }
  const [calm, killed] = Object.values(results)
  const rateOf = (runs) => median(runs.map(({ rate }) => rate))
  const sum = (figure) => killed.reduce((total, run) => total + run[figure], 0)
  const ratio = rateOf(killed) / rateOf(calm)
  const byRound = killed.map(({ rate }, round) => (rate / calm[round].rate).toFixed(3)).join(' ')
  console.log(`${rounds} rounds of ${seconds} s, ${slots} slots, ${work} ms of CPU a message`)
  printTable([
    ['', 'msg/s', 'ratio of medians', 'by round', 'kills', 'recovered ms: worst'],
    ['no kills', rateOf(calm), '', '', '', ''],
    ['kills', rateOf(killed), ratio.toFixed(3), byRound, sum('kills'), Math.max(...killed.map((run) => run.worstMs))],
  ])
  console.log()
  printTarget('throughput', ratio >= TARGET, `${(ratio * 100).toFixed(1)} %`, `≥ ${TARGET * 100} %`)
  for (const figure of ['lost', 'finishedTwice', 'rebalances']) {
    printTarget(figure, sum(figure) === 0, sum(figure), '0')
  }
  printTarget('repeated', sum('repeated') <= sum('inFlight'), sum('repeated'), `≤ ${sum('inFlight')} in flight`)
})
