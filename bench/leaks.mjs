/*
 * A handler that keeps 1 MiB of each message, as an array in the heap, as objects there, or as a Buffer outside of it,
 * against the same handler that lets it go. In turn, each in a process of its own, since memory that runs out may end it.
 * V8 copies and marks small objects that live on again and again, in a bare thread as well; so they have no target.
 */
import { iterationsPerMs } from './support/burn.mjs'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const TARGET = 0.8

const options = programOptions({
  rounds: 3,
  messages: 20_000,
  slots: 2,
  /** CPU ms of each message, beside what its memory takes. */
  work: 2,
  /** Heap of each thread, in MB. */
  heap: 1_024,
  /** What the process may take while Buffers are kept, in MB. */
  rss: 1_500,
  kinds: 'arrays,buffers,objects',
})
const { rounds, messages, slots, work, heap, rss, kinds } = options
const entry = new URL('support/leak-contender.mjs', import.meta.url)
const millions = (bytes) => Math.round(bytes / 2 ** 20)

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages })
  const iterations = Math.round(iterationsPerMs() * work)
  const rows = [
    ['keeps', 'msg/s', 'ratio of medians', 'by round', 'CPU ms a message', 'recycled', 'pause ms', 'RSS MB at worst'],
  ]
  const verdicts = []
  for (const what of kinds.split(',')) {
    const results = { [`no ${what}`]: [], [what]: [] }
    for (let round = 0; round < rounds; round++) {
      for (const keeps of Object.keys(results)) {
        const limits = { heapMb: heap, maxRssMb: what === 'buffers' ? rss : 0 }
        const task = { keeps, iterations, slots, ...limits, brokers: cluster.brokers, topic, messages }
        results[keeps].push(await measureInProcess(entry, { ...task, target: messages }, { withinMs: 600_000 }))
      }
    }
    const [lets, keeps] = Object.values(results)
    const rateOf = (each) => median(each.map(({ rate }) => rate))
    const ratio = rateOf(keeps) / rateOf(lets)
    for (const [name, each] of Object.entries(results)) {
      const byRound = each.map(({ rate }, round) => (rate / lets[round].rate).toFixed(2)).join(' ')
      const cpuMs = median(each.map((run) => run.cpuMs)).toFixed(2)
      const recycled = each.map(
        ({ reasons }) =>
          Object.entries(reasons)
            .map((pair) => pair.join(' '))
            .join(', ') || 0,
      )
      const pauses = each.flatMap(({ pausesMs }) => pausesMs)
      const rss = Math.max(...each.map(({ worstRss }) => millions(worstRss)))
      const share = each === lets ? '' : ratio.toFixed(2)
      rows.push([
        name,
        rateOf(each),
        share,
        byRound,
        cpuMs,
        recycled.join(' | '),
        pauses.length > 0 ? median(pauses) : '',
        rss,
      ])
    }
    verdicts.push({ what, ratio, runs: keeps })
  }
  console.log(
    `${messages} messages of ${work} ms of CPU and 1 MiB, ${slots} slots with ${heap} MB of heap, maxRssMb ${rss} for Buffers`,
  )
  printTable(rows)
  console.log()
  for (const { what, ratio, runs } of verdicts) {
    const sum = (figure) => runs.reduce((total, run) => total + run[figure], 0)
    const crashes = runs.flatMap((run) => run.crashes)
    if (what !== 'objects')
      printTarget(`${what}: throughput`, ratio >= TARGET, `${(ratio * 100).toFixed(0)} %`, `≥ ${TARGET * 100} %`)
    printTarget(`${what}: crashes`, crashes.length === 0, crashes.join(', ') || 0, '0')
    for (const figure of ['rebalances', 'lost', 'repeated']) {
      printTarget(`${what}: ${figure}`, sum(figure) === 0, sum(figure), '0')
    }
  }
})
