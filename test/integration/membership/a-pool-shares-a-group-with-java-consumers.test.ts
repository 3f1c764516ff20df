import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, inject, it, onTestFinished } from 'vitest'
import { toolArguments } from '#scripts/kafka/java.js'
import { until } from '#scripts/support/until.js'
import { brokers, createTopic, groupHistory, uniqueName } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { partitionNames, partitionsIn, startPool, type TestPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const tools = inject('kafkaTools')

const CLASSES = { roundrobin: 'RoundRobinAssignor', range: 'RangeAssignor' } as const

interface JavaConsumer {
  /** `partition/offset` of everything that it has printed. */
  readonly seen: ReadonlySet<string>
}

/** Kafka's console consumer as a member of the group, killed after the test. */
const startJava = (groupId: string, topic: string, assignor: keyof typeof CLASSES): JavaConsumer => {
  if (tools.kind !== 'java') throw new Error('needs the Java tools')
  const properties = {
    'client.id': 'java',
    'partition.assignment.strategy': `org.apache.kafka.clients.consumer.${CLASSES[assignor]}`,
    'auto.offset.reset': 'earliest',
    'session.timeout.ms': 6_000,
    'heartbeat.interval.ms': 300,
    'auto.commit.interval.ms': 200,
  }
  const args = [
    ...['--bootstrap-server', brokers().join(','), '--topic', topic, '--group', groupId],
    ...['print.partition', 'print.offset'].flatMap((name) => ['--property', `${name}=true`]),
    ...Object.entries(properties).flatMap(([name, value]) => ['--consumer-property', `${name}=${value}`]),
  ]
  const main = 'org.apache.kafka.tools.consumer.ConsoleConsumer'
  const java: ChildProcess = spawn(tools.java.command, toolArguments(tools.java, main, args), {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(async () => {
    const exited = once(java, 'exit')
    if (java.kill('SIGKILL')) await exited
  })
  const seen = new Set<string>()
  if (java.stdout !== null) {
    createInterface({ input: java.stdout }).on('line', (line) => {
      const [, partition, offset] = /Partition:(\d+)\s+Offset:(\d+)/.exec(line) ?? []
      if (partition !== undefined) seen.add(`${partition}/${offset}`)
    })
  }
  return { seen }
}

const java = { startsFirst: [true, false] }
const cases = (['roundrobin', 'range'] as const).flatMap((assignor) =>
  java.startsFirst.map((first) => ({ assignor, leader: first ? 'Java' : 'the pool', first })),
)

it.skipIf(tools?.kind !== 'java').each(cases)(
  'the partitions of a $assignor group are split between a pool and a Java consumer when $leader leads',
  async ({ assignor, first }) => {
    const topic = await createTopic({ partitions: PARTITIONS })
    const groupId = uniqueName('group')
    const record = newRecord()
    const start = (): Promise<TestPool> =>
      startPool({ groupId, topics: [topic], handler: record.handler, workers: 1, assignors: [assignor] })
    let pool: TestPool
    let consumer: JavaConsumer
    if (first) {
      consumer = startJava(groupId, topic, assignor)
      await untilStable(groupId, 1)
      pool = await start()
    } else {
      pool = await start()
      consumer = startJava(groupId, topic, assignor)
    }
    const group = await untilStable(groupId, 2)
    expect(group.protocol).toBe(assignor)
    const newest = (await groupHistory(groupId)).at(-1)
    const leading = newest?.members.find(({ memberId }) => memberId === newest.leader)
    expect(leading?.clientId === 'java').toBe(first)
    expect(pool.status().slots[0]?.seat.leader).toBe(!first)

    expect(partitionsIn(group)).toEqual(partitionNames(topic, PARTITIONS))
    const shares = group.members.map(({ clientId, assignment }) => [clientId, assignment[topic]])
    // By member id: "java…" comes before "pool…".
    expect(shares).toEqual([
      ['java', assignor === 'range' ? [0, 1, 2] : [0, 2, 4]],
      [pool.status().slots[0]?.seat.clientId, assignor === 'range' ? [3, 4, 5] : [1, 3, 5]],
    ])

    const traffic = await startTraffic(topic, { partitions: PARTITIONS })
    await until(() => consumer.seen.size > 20 && pool.status().totals.finished > 20, { what: 'both to work' })
    await traffic.stop()
    const handled = () => new Set(record.read().map(({ partition, offset }) => `${partition}/${offset}`))
    const produced = (await producedIn(topic)).flatMap(({ partition, from, to }) =>
      Array.from({ length: to - from }, (_, n) => `${partition}/${from + n}`),
    )
    const missing = () => produced.filter((message) => !consumer.seen.has(message) && !handled().has(message))
    await until(() => missing().length === 0, { what: 'every message to get to one of the two' })
  },
)
