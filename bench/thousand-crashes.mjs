/*
 * 1,000 crashes in a row: memory, threads, sockets, descriptors, ports, timers and listeners of the process at the start,
 * on the way and at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { iterationsPerMs } from './support/burn.mjs'
import { printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const { crashes, warm, slots, gap, messages } = programOptions({
  crashes: 1_000,
  /** Crashes before the first look: caches, compiled code and buffers have their size by then. */
  warm: 20,
  slots: 2,
  gap: 0,
  messages: 400_000,
})
const MEMORY_MB = 50
const COUNTED = ['threads', 'sockets', 'descriptors', 'ports', 'timers', 'listeners']
const megabytes = (bytes) => bytes / 2 ** 20

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages, bytes: 100 })
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  const entry = new URL('support/thousand-contender.mjs', import.meta.url)
  const load = { slots, count: crashes, warmUp: warm, gapMs: gap, iterations: Math.round(iterationsPerMs() / 5) }
  const task = { brokers: cluster.brokers, topic, recordDir, ...load }
  try {
    const { samples, stopped, rebalances, restarts, lostThreads, warnings } = await measureInProcess(entry, task, {
      execArgv: ['--expose-gc'],
      withinMs: 120_000 + crashes * 2_000,
    })
    const row = (name, sample) => [name, ...memory(sample), ...COUNTED.map((thing) => sample[thing])]
    const memory = ({ rss, heap, external }) => [rss, heap, external].map(megabytes)
    const head = ['after crashes', 'RSS MB', 'heap MB', 'external MB', ...COUNTED]
    printTable([head, ...samples.map((sample) => row(String(sample.after), sample)), row('after stop', stopped)])
    console.log()
    const [first, last] = [samples[0], samples.at(-1)]
    const grown = megabytes(last.rss - first.rss)
    printTarget('threads replaced', restarts === crashes + warm, restarts, crashes + warm)
    printTarget('memory', Math.abs(grown) <= MEMORY_MB, `${grown.toFixed(1)} MB more`, `within ${MEMORY_MB} MB`)
    for (const thing of COUNTED) {
      printTarget(thing, last[thing] <= first[thing], `${first[thing]} → ${last[thing]}`, 'no more than at the start')
    }
    printTarget('rebalances', rebalances === 0, rebalances, '0')
    printTarget('lost threads', lostThreads === 0, lostThreads, '0')
    printTarget('warnings', warnings.length === 0, warnings.length === 0 ? 'none' : warnings.join('; '), 'none')
  } finally {
    rmSync(recordDir, { recursive: true, force: true })
  }
})
