/*
 * Whole processes that end and come back under load: killed with SIGKILL (static members), stopped cleanly, and restarted
 * one after the other. What the group noticed, what was lost or repeated.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from '#scripts/support/recorder.js'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { iterationsPerMs } from './support/burn.mjs'
import { printTable, printTarget } from './support/figures.mjs'
import { lastGeneration } from './support/group-log.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Member } from './support/member.mjs'
import { printMachine, programOptions } from './support/program.mjs'
import { judge } from './support/verdict.mjs'

const { messages, work, session, workers, processes, only } = programOptions({
  messages: 30_000,
  /** CPU ms of each message. */
  work: 1,
  session: 20_000,
  /** Slots of a process. */
  workers: 2,
  /** Of the rolling restart. */
  processes: 3,
  /** Words in the names of the scenarios that are wanted. */
  only: '',
})
const PARTITIONS = 8

/**
 * One scenario: starts processes, lets `disturb` do what it does while they work, waits until the topic is done.
 *
 * @param scenario.processes how many
 * @param scenario.members 'static' | 'dynamic'
 */
const run = async (cluster, topic, iterations, { name, processes, members, disturb }) => {
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  const groupId = uniqueName(`bench-restart-${members}`)
  const task = { brokers: cluster.brokers, topic, groupId, workers, recordDir, iterations, sessionTimeout: session }
  const start = (n) => Member.start({ ...task, ...(members === 'static' ? { groupInstanceId: `process-${n}` } : {}) })
  let running = []
  try {
    running = await Promise.all(Array.from({ length: processes }, (_, n) => start(n)))
    await sleep(3_000)
    const before = await lastGeneration(cluster, groupId)
    const marks = await disturb(running, start)
    const after = await lastGeneration(cluster, groupId)
    const isDone = async () => {
      const all = await Promise.all(running.map((member) => member.status()))
      return all.every(({ lag, inFlight }) => lag === 0 && inFlight === 0)
    }
    await until(isDone, { what: 'the rest of the topic', deadlineMs: 180_000, everyMs: 200 })
    await Promise.all(running.map((member) => member.stop()))
    running = []
    const { record, ...verdict } = await judge(cluster, topic, recordDir)
    const handledWhile = record.some(({ startMs }) => startMs > (marks.endedAtMs ?? 0))
    if (!handledWhile) throw new Error(`${name}: the topic was done before it was over; use more with --messages`)
    const again = record.find(({ startMs, pid }) => marks.pid === pid && startMs > marks.atMs)
    return { name, members, before, after, ...marks, ...verdict, againMs: again ? again.startMs - marks.atMs : null }
  } finally {
    await Promise.all(running.map((member) => member.kill()))
    rmSync(recordDir, { recursive: true, force: true })
  }
}

const killAndStart = async (running, start) => {
  const atMs = machineMs()
  await running[0].kill()
  running[0] = await start(0)
  return { atMs, endedAtMs: machineMs(), pid: running[0].pid, downMs: machineMs() - atMs }
}

const rollOver = async (running, start) => {
  const atMs = machineMs()
  for (const n of running.keys()) {
    await running[n].stop()
    running[n] = await start(n)
    await sleep(500)
  }
  return { atMs, endedAtMs: machineMs(), pid: running[0].pid, downMs: null }
}

const SCENARIOS = [
  { name: 'SIGKILL and start', processes: 1, members: 'static', disturb: killAndStart },
  { name: 'stop and start', processes: 1, members: 'static', disturb: rollOver },
  { name: 'stop and start', processes: 1, members: 'dynamic', disturb: rollOver },
  { name: `rolling restart of ${processes}`, processes, members: 'static', disturb: rollOver },
  { name: `rolling restart of ${processes}`, processes, members: 'dynamic', disturb: rollOver },
]

await withKafka(async (cluster) => {
  printMachine(cluster)
  const partitions = Math.max(PARTITIONS, processes * workers)
  const topic = await filledTopic(cluster, { messages, bytes: 100, partitions })
  const iterations = Math.round(iterationsPerMs() * work)
  const results = []
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(only)))
    results.push(await run(cluster, topic, iterations, scenario))

  console.log(`${messages} messages of ${work} ms, ${workers} slots a process, session timeout ${session} ms`)
  const rows = [['', 'members', 'generation', 'lost', 'begun again', 'finished twice', 'handling again ms']]
  for (const { name, members, before, after, lost, repeated, finishedTwice, againMs } of results) {
    const generations = `${before.generation} → ${after.generation}`
    rows.push([name, members, generations, lost, repeated, finishedTwice, againMs ?? '–'])
  }
  printTable(rows)
  console.log()
  for (const { name, members, before, after, lost, repeated } of results) {
    const what = `${name}, ${members}`
    printTarget(`${what}: lost`, lost === 0, lost, '0')
    if (name !== 'SIGKILL and start') printTarget(`${what}: repeated`, repeated === 0, repeated, '0')
    if (members === 'dynamic') continue
    const generations = `${before.generation} → ${after.generation}`
    printTarget(`${what}: generation`, before.generation === after.generation, generations, 'the same')
    const same = before.assignment === after.assignment
    printTarget(
      `${what}: partitions`,
      same,
      same ? before.assignment : `${before.assignment} → ${after.assignment}`,
      'the same',
    )
  }
})
