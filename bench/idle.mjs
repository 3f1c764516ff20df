/*
 * What waiting costs: an idle pool of 8 slots against 8 idle KafkaJS consumers in one process, CPU time of the whole
 * process (all threads) over 30 s, after 5 s in which it may settle. Both with their own defaults.
 */
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'
import { PARTITIONS } from './support/rival.mjs'

const CONTENDERS = ['kafkajs', 'pool']
const { rounds, seconds, settle } = programOptions({ rounds: 3, seconds: 30, settle: 5 })
const entry = new URL('support/idle-contender.mjs', import.meta.url)

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages: 1_000, name: 'bench-idle' })
  const results = { kafkajs: [], pool: [] }
  for (let round = 0; round < rounds; round++) {
    for (const contender of CONTENDERS) {
      const times = { settleMs: settle * 1_000, measureMs: seconds * 1_000 }
      const task = { contender, members: PARTITIONS, brokers: cluster.brokers, topic, ...times }
      results[contender].push(await measureInProcess(entry, task))
    }
  }
  const figures = (contender, figure) => results[contender].map((result) => result[figure])
  const cpu = Object.fromEntries(CONTENDERS.map((name) => [name, median(figures(name, 'cpuMsPerSecond'))]))
  const rows = [[`idle for ${seconds} s`, 'CPU ms a second', 'by round', 'RSS MB']]
  for (const contender of CONTENDERS) {
    const byRound = figures(contender, 'cpuMsPerSecond')
      .map((ms) => ms.toFixed(1))
      .join(' ')
    const rss = Math.round(median(figures(contender, 'rss')) / 1e6)
    rows.push([contender === 'pool' ? 'pool of 8 slots' : '8 kafkajs consumers', cpu[contender], byRound, rss])
  }
  printTable(rows)
  console.log()
  const share = `${((cpu.pool / cpu.kafkajs) * 100).toFixed(0)} % of kafkajs's`
  printTarget('CPU when idle', cpu.pool < cpu.kafkajs, share, '< 100 %')
})
