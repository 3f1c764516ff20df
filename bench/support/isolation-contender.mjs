/* One contender of isolation.mjs, in a process of its own: sends its rate, its start, its memory, and how it heals. */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { uniqueName } from '#scripts/support/topics.js'
import { ConsumerPool } from '#src/index.js'
import { processTask } from './program.mjs'

const LOOK_MS = 100
const HEAL_MS = 10_000
const SETTLE_MS = 5_000

const { isolation, iterations, workers, brokers, topic, target } = processTask()

const childrenOf = (pid) =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )

/** What the process has of memory, and its share of what several have. Linux only. */
const megabytesOf = (pid) =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024

const memory = () => {
  const children = childrenOf(process.pid).map(megabytesOf)
  return { mainMb: megabytesOf(process.pid), childrenMb: children.reduce((sum, mb) => sum + mb, 0) }
}

/** CPU time of the process and its children, in ms (Linux counts it in hundredths of a second). */
const cpuMs = () =>
  [process.pid, ...childrenOf(process.pid)].reduce((sum, pid) => {
    const [, user = 0, system = 0] = /\)(?: \S+){11} (\d+) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return sum + (Number(user) + Number(system)) * 10
  }, 0)

const handler = new URL(`../handlers/burn.mjs?iterations=${iterations}`, import.meta.url)
const pool = new ConsumerPool({
  isolation,
  workers,
  kafka: { brokers },
  consumer: { groupId: uniqueName('bench-isolation') },
  topics: [topic],
  handler,
  fromBeginning: true,
  logger: { level: 'silent' },
})
const beganAt = performance.now()
await pool.start()
const startMs = performance.now() - beganAt

/** When so many messages were finished, as near as the looks are to each other. */
const reached = async (count) => {
  for (;;) {
    const { finished } = pool.status().totals
    if (finished >= count) return { finished, atMs: performance.now(), cpuMs: cpuMs() }
    await sleep(LOOK_MS)
  }
}
// The spare boots first, which would cost one of them more than the other.
if (iterations > 0) await sleep(SETTLE_MS)
const first = await reached(target * 0.05)
const last = await reached(first.finished + target * 0.95)
const rate = ((last.finished - first.finished) * 1_000) / (last.atMs - first.atMs)
const cpuMsPerMessage = (last.cpuMs - first.cpuMs) / (last.finished - first.finished)
const used = memory()

/** From SIGKILL until the slot has a thread again that has taken its partitions up. */
const heal = () =>
  new Promise((resolve) => {
    const killedAt = performance.now()
    pool.once('slot:recovered', () => resolve(performance.now() - killedAt))
    process.kill(pool.status().slots[0].threadId, 'SIGKILL')
    setTimeout(() => resolve(null), HEAL_MS)
  })
const healMs = isolation === 'process' ? await heal() : null
process.send({ rate, cpuMsPerMessage, startMs, healMs, ...used })
