import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, inject, it, onTestFinished } from 'vitest'
import { toolArguments } from '#scripts/kafka/java.js'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { type DescribedGroup, describeGroup } from '../../support/cluster/groups.js'
import { brokers, createTopic, groupHistory, produce, uniqueName } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { startPool, type TestPool } from '../../support/pool/pool.js'
import { held, longestGap, untilBusy } from '../../support/pool/rebalance.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const BUSY_MS = 2_500
const GAP_MS = 1_500
const tools = inject('kafkaTools')

interface JavaConsumer {
  /** `partition/offset` of everything that it has consumed, with when that was heard. */
  readonly seen: ReadonlyMap<string, number>
  /** What it owns, as it was told. */
  readonly owned: ReadonlySet<number>
  /** Leaves the group. */
  stop(): Promise<void>
  kill(): Promise<void>
}

/** Kafka's own consumer for system tests as a member of the group; it commits after each poll. Killed after the test. */
const startJava = (groupId: string, topic: string): JavaConsumer => {
  if (tools.kind !== 'java') throw new Error('needs the Java tools')
  const args = [
    ...['--bootstrap-server', brokers().join(','), '--topic', topic, '--group-id', groupId],
    ...['--session-timeout', '6000', '--reset-policy', 'earliest', '--verbose'],
    ...['--assignment-strategy', 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'],
  ]
  const main = 'org.apache.kafka.tools.VerifiableConsumer'
  const java: ChildProcess = spawn(tools.java.command, toolArguments(tools.java, main, args), {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const exited = once(java, 'exit')
  const end = (signal: NodeJS.Signals) => async () => {
    java.kill(signal)
    await exited
  }
  onTestFinished(end('SIGKILL'))
  const seen = new Map<string, number>()
  const owned = new Set<number>()
  if (java.stdout !== null) {
    createInterface({ input: java.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return
      const event = JSON.parse(line)
      if (event.name === 'record_data') seen.set(`${event.partition}/${event.offset}`, machineMs())
      for (const { partition } of event.name === 'partitions_assigned' ? event.partitions : []) owned.add(partition)
      for (const { partition } of event.name === 'partitions_revoked' ? event.partitions : []) owned.delete(partition)
    })
  }
  return { seen, owned, stop: end('SIGTERM'), kill: end('SIGKILL') }
}

/** The broker and everybody say that each of so many members has an even share. */
const settled = (groupId: string, members: number, pool: TestPool, ...java: JavaConsumer[]): Promise<DescribedGroup> =>
  until(
    async () => {
      const group = await describeGroup(groupId).catch(() => null) // its coordinator may be loading
      if (group?.state !== 'Stable' || group.members.length !== members) return false
      const own = [...held(pool), ...java.map(({ owned }) => [...owned])]
      const sizes = own.map(({ length }) => length)
      const isAll = own.flat().toSorted().join() === Array.from({ length: PARTITIONS }, (_, p) => p).join()
      return isAll && own.length === members && Math.max(...sizes) - Math.min(...sizes) <= 1 && group
    },
    { what: `${members} members to share the partitions evenly`, deadlineMs: 60_000 },
  )

const cases = [
  { leader: 'Java', first: true },
  { leader: 'the pool', first: false },
]

it.skipIf(tools?.kind !== 'java').each(cases)(
  'a cooperative group is shared with Java consumers that come, go and are killed; what stays goes on, when $leader leads',
  async ({ first }) => {
    const topic = await createTopic({ partitions: PARTITIONS })
    const groupId = uniqueName('group')
    const record = newRecord()
    const options = { groupId, topics: [topic], handler: record.handler, assignors: ['cooperative-sticky' as const] }
    const early = first ? startJava(groupId, topic) : null
    if (early !== null) await until(() => early.owned.size === PARTITIONS, { what: 'Java to come', deadlineMs: 30_000 })
    const pool = await startPool({ ...options, workers: 2 })
    const java = early ?? startJava(groupId, topic)
    const traffic = await startTraffic(topic, { partitions: PARTITIONS })
    await settled(groupId, 3, pool, java)
    const newest = (await groupHistory(groupId)).at(-1)
    const leading = newest?.members.find(({ memberId }) => memberId === newest.leader)
    expect(leading?.clientId.startsWith('pool')).toBe(!first)
    await until(() => java.seen.size > 20 && pool.status().totals.finished > 20, { what: 'both to work' })

    // One slot has a handler that takes long, again and again, and the other one notices nothing of what goes on.
    const [[busy = Number.NaN] = []] = held(pool)
    await produce(
      topic,
      Array.from({ length: 9 }, () => ({ partition: busy, value: `sleep-once:${BUSY_MS}` })),
    )
    await untilBusy(record)
    const another = startJava(groupId, topic)
    await settled(groupId, 4, pool, java, another)
    const kept = held(pool)[1] ?? []
    // Not from the start of the other Java on: that takes the CPU from everybody.
    const fromMs = machineMs()
    await another.stop()
    await settled(groupId, 3, pool, java)
    const toMs = machineMs()
    expect(kept.length).toBeGreaterThan(0)
    for (const partition of kept) expect(longestGap(record, partition, fromMs, toMs)).toBeLessThan(GAP_MS)

    const nameOf = ({ partition, offset }: { partition: number; offset: number }) => `${partition}/${offset}`
    const others = [java, another]
    // Java's program may stop between its work and its commit, but nobody gets from us what we have finished.
    const afterUs = record.read().filter((handling) => {
      const ms = Math.max(...others.map(({ seen }) => seen.get(nameOf(handling)) ?? 0))
      return handling.endMs !== null && ms > handling.endMs
    })
    expect(afterUs).toEqual([])

    await java.kill()
    await settled(groupId, 2, pool)
    await traffic.stop()
    const produced = (await producedIn(topic)).flatMap(({ partition, from, to }) =>
      Array.from({ length: to - from }, (_, n) => `${partition}/${from + n}`),
    )
    const missing = () => {
      const handled = new Set(record.read().map(nameOf))
      return produced.filter((message) => !handled.has(message) && !others.some(({ seen }) => seen.has(message)))
    }
    await until(() => missing().length === 0, {
      what: 'every message to get to somebody',
      deadlineMs: 60_000,
      everyMs: 500,
    })
    const verdict = record.verdict(await producedIn(topic))
    expect(verdict).toMatchObject({ repeated: [], startedTwice: [], overlapping: [], unknown: [] })
  },
  240_000, // three Java machines start
)
