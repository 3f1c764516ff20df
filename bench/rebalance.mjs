/*
 * Slots and processes come and go in a cooperative group whose handlers are all busy: for how long does a partition stand between
 * two messages that stays where it is, and one that moves? The handlers in flight are not counted.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs, readRecord } from '#scripts/support/recorder.js'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { median, printTable, printTarget } from './support/figures.mjs'
import { filledTopic, withKafka } from './support/kafka.mjs'
import { Member } from './support/member.mjs'
import { printMachine, programOptions } from './support/program.mjs'

const { rounds, partitions, busy, session } = programOptions({
  rounds: 3,
  partitions: 12,
  /** For how long each handler keeps its message, in ms. */
  busy: 3_000,
  session: 10_000,
})
/** Of each process. */
const WORKERS = 2
const KEPT_MS = 50
const MOVED_MS = 250
/** `heartbeatInterval`: members of other processes hear of a rebalance when they ask next. */
const HEARTBEAT_MS = 3_000

/** How many partitions each of the processes has. */
const shares = async (members) => {
  const all = await Promise.all(members.map((member) => member.status()))
  return all.map(({ assignment }) => assignment.join(' ').split(' ').filter(Boolean).length)
}

const untilShared = (members) =>
  until(async () => (await shares(members)).every((share) => share === partitions / members.length), {
    what: `${members.length} processes to have equal shares`,
    deadlineMs: 120_000,
    everyMs: 100,
  })

/**
 * How long partitions stood between two messages in a while. What moves does so together, when the last handler that has a message
 * of it is back: `sinceLastMs` begins there.
 */
const standings = (record, { fromMs, toMs }) => {
  const seen = record.filter(({ startMs, endMs }) => startMs <= toMs && (endMs === null || endMs >= fromMs))
  const all = Array.from({ length: partitions }, (_, partition) => {
    const own = seen.filter((each) => each.partition === partition).sort((a, b) => a.startMs - b.startMs)
    return own.slice(1).flatMap((next, at) => {
      const { pid, slot, endMs } = own[at]
      // Nobody knows how long the handler of a process that was killed would have taken.
      return endMs === null ? [] : [{ startMs: next.startMs, endMs, moved: next.pid !== pid || next.slot !== slot }]
    })
  }).flat()
  const lastMs = Math.max(...all.filter(({ moved }) => moved).map(({ endMs }) => endMs))
  return all.map(({ startMs, endMs, moved }) => ({ moved, ms: startMs - endMs, sinceLastMs: startMs - lastMs }))
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  const topic = await filledTopic(cluster, { messages: partitions * 40 * rounds, bytes: 100, partitions })
  const recordDir = mkdtempSync(join(tmpdir(), 'kcp-bench-'))
  const task = { brokers: cluster.brokers, topic, groupId: uniqueName('bench-rebalance'), recordDir, workers: WORKERS }
  const start = () =>
    Member.start({ ...task, sessionTimeout: session, busyMs: busy, handler: 'busy', concurrency: partitions })
  const whiles = []
  const during = async (name, act) => {
    const fromMs = machineMs()
    await act()
    await sleep(2 * busy) // until each partition has begun another message
    whiles.push({ name, fromMs, toMs: machineMs() })
  }
  const stayer = await start()
  let guest
  const comes = async () => {
    guest = await start()
    await untilShared([stayer, guest])
  }
  const goes = (how) => async () => {
    await guest[how]()
    await untilShared([stayer])
  }
  try {
    await sleep(2 * busy)
    for (let round = 0; round < rounds; round++) {
      await during('nothing happens', () => sleep(2 * busy))
      await during('slots are added', () => stayer.scale(2 * WORKERS))
      await during('slots are removed', () => stayer.scale(WORKERS))
      await during('a process joins', comes)
      await during('a process leaves', goes('stop'))
      await during('a process joins', comes)
      await during('a process is killed', goes('kill'))
    }
    const record = readRecord(recordDir)
    const names = [...new Set(whiles.map(({ name }) => name))]
    const found = names.map((name) => {
      const all = whiles.filter((each) => each.name === name).flatMap((each) => standings(record, each))
      return { name, kept: all.filter(({ moved }) => !moved), moves: all.filter(({ moved }) => moved) }
    })
    const most = (list, of = 'ms') => Math.max(0, ...list.map((each) => each[of]))
    printTable([
      ['between two messages, ms', 'kept: median', 'longest', 'moves', 'moved: longest', 'after the last handler'],
      ...found.map(({ name, kept, moves }) => [
        ...[name, median(kept.map(({ ms }) => ms)), most(kept), moves.length],
        ...(moves.length === 0 ? ['–', '–'] : [most(moves), most(moves, 'sinceLastMs')]),
      ]),
    ])
    console.log()
    const [calm, ...acts] = found
    const limit = most(calm.kept) + KEPT_MS
    for (const { name, kept, moves } of acts) {
      printTarget(`${name}: kept`, most(kept) <= limit, `${Math.round(most(kept))} ms`, `≤ ${Math.round(limit)} ms`)
      if (name === 'a process is killed') continue // nobody knows of it until its session is over
      const movedMs = Math.round(most(moves, 'sinceLastMs'))
      const target = name.includes('process') ? HEARTBEAT_MS + MOVED_MS : MOVED_MS
      printTarget(`${name}: moved`, moves.length > 0 && movedMs <= target, `${movedMs} ms`, `≤ ${target} ms`)
    }
  } finally {
    await stayer.kill()
    await guest?.kill()
    rmSync(recordDir, { recursive: true, force: true })
  }
})
