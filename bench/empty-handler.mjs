/*
 * An empty handler on 200-byte messages: a pool with one slot against KafkaJS's own consumer (`eachMessage`), each in a
 * process of its own, in turn. A second row has a handler that reads the message's fields.
 */
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const TARGET = 2
const CONTENDERS = ['kafkajs', 'pool']
const HANDLERS = { empty: 'empty', touching: 'reads key, value, timestamp, offset' }

const { rounds, messages } = programOptions({ rounds: 5, messages: 1_000_000 })
const entry = new URL('support/throughput-contender.mjs', import.meta.url)
const millions = (bytes) => Math.round(bytes / 1e6)

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages })
  // Up to here all partitions have messages left, whatever the order in which they are read.
  const target = Math.floor(messages * 0.95)
  const rows = [['handler', 'kafkajs msg/s', 'pool msg/s', 'ratio of medians', 'by round', 'RSS MB', 'CPU s']]
  const ratios = {}
  for (const [handler, described] of Object.entries(HANDLERS)) {
    const results = { kafkajs: [], pool: [] }
    for (let round = 0; round < rounds; round++) {
      for (const contender of CONTENDERS) {
        const task = { contender, handler, brokers: cluster.brokers, topic, target }
        results[contender].push(await measureInProcess(entry, task))
      }
    }
    const middle = (contender, figure) => median(results[contender].map((result) => result[figure]))
    const [rival, own] = CONTENDERS.map((contender) => middle(contender, 'rate'))
    const byRound = results.pool.map(({ rate }, round) => (rate / results.kafkajs[round].rate).toFixed(2)).join(' ')
    const rss = CONTENDERS.map((contender) => millions(middle(contender, 'rss'))).join(' → ')
    const cpu = CONTENDERS.map((contender) => middle(contender, 'cpuSeconds').toFixed(1)).join(' → ')
    ratios[handler] = own / rival
    rows.push([described, rival, own, ratios[handler].toFixed(2), byRound, rss, cpu])
  }
  console.log(`${messages} messages of 200 bytes, 8 partitions, medians of ${rounds} rounds (kafkajs → pool)`)
  printTable(rows)
  console.log()
  printTarget('empty handler', ratios.empty >= TARGET, `${ratios.empty.toFixed(2)} ×`, `≥ ${TARGET} ×`)
})
