/*
 * One cooperative-sticky group of a pool, of Java's consumer and of librdkafka's (`pip install confluent-kafka`, in the Python
 * that PYTHON names), which come and go under load in several orders: does it settle, how many generations does a change
 * take, what is lost, what is handled twice?
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { toolArguments } from '#scripts/kafka/java.js'
import { kafkaClient, withAdmin } from '#scripts/support/kafka-client.js'
import { makeTopic } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { printTable, printTarget } from './support/figures.mjs'
import { withKafka } from './support/kafka.mjs'
import { printMachine, programOptions } from './support/program.mjs'

const { partitions, rate } = programOptions({ partitions: 12, rate: 100 })
const SCRIPT = fileURLToPath(new URL('support/librdkafka_member.py', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'kcp-mixed-'))
process.env.BENCH_HEARD = join(folder, 'heard')

/** A member in a process that says lines of JSON. */
const member = (command, args, read) => {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const owned = new Set()
  const handled = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) read(JSON.parse(line), owned, handled)
  })
  const exited = once(child, 'exit')
  return {
    owned: () => [...owned],
    handled,
    leave: async () => {
      child.stdin.end()
      if (command !== (process.env.PYTHON ?? 'python3')) child.kill('SIGTERM')
      await exited
      owned.clear()
    },
  }
}

const librdkafka = ({ brokers }, groupId, topic, name) =>
  member(process.env.PYTHON ?? 'python3', [SCRIPT, brokers.join(','), groupId, topic, name], (said, owned, handled) => {
    if (said.event === 'started' || said.event === 'closing') return
    if (said.event === 'handled') handled.push([`${said.partition}/${said.offset}`, Date.now()])
    else if (said.event === 'assigned') for (const partition of said.partitions) owned.add(partition)
    else for (const partition of said.partitions) owned.delete(partition)
  })

const java = ({ brokers, tools }, groupId, topic) => {
  const args = [
    ...['--bootstrap-server', brokers.join(','), '--topic', topic, '--group-id', groupId, '--session-timeout', '10000'],
    ...['--reset-policy', 'earliest', '--verbose'],
    ...['--assignment-strategy', 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'],
  ]
  const main = 'org.apache.kafka.tools.VerifiableConsumer'
  return member(tools.java.command, toolArguments(tools.java, main, args), (said, owned, handled) => {
    if (said.name === 'record_data') handled.push([`${said.partition}/${said.offset}`, Date.now()])
    if (said.name === 'partitions_assigned') for (const { partition } of said.partitions) owned.add(partition)
    if (said.name === 'partitions_revoked') for (const { partition } of said.partitions) owned.delete(partition)
  })
}

const pool = async ({ brokers }, groupId, topic) => {
  const consumers = new ConsumerPool({
    ...{ topics: [topic], handler: new URL('handlers/heard.mjs', import.meta.url).pathname, workers: 2 },
    ...{ assignors: ['cooperative-sticky'], fromBeginning: true, logger: { level: 'warn' } },
    kafka: { brokers },
    consumer: { groupId, sessionTimeout: 10_000, heartbeatInterval: 1_000 },
  })
  const generations = new Set()
  consumers.on('group:joined', ({ generation }) => generations.add(generation))
  await consumers.start()
  return {
    owned: () => consumers.status().slots.flatMap(({ assignment }) => assignment.map(({ partition }) => partition)),
    handled: [],
    generations,
    leave: () => consumers.stop(),
  }
}

const MAKERS = { pool, java, librdkafka }
const ORDERS = [
  ['pool', 'java', 'librdkafka'],
  ['java', 'librdkafka', 'pool'],
  ['librdkafka', 'pool', 'java'],
]

/** How many messages of each kind of member were handled again by somebody: it has not committed what it had handled. */
const whoseFault = (heard) => {
  const first = new Map()
  const faults = { pool: 0, java: 0, librdkafka: 0 }
  for (const [message, , kind] of heard.toSorted(([, a], [, b]) => a - b)) {
    if (first.has(message)) faults[first.get(message)] += 1
    else first.set(message, kind)
  }
  return faults
}

/** The members come in that order, then go in the same, the pool's place taken by others. */
const play = async (cluster, order, number) => {
  const topic = `bench-mixed-${Date.now()}-${number}`
  const groupId = topic
  await withAdmin({ clientId: 'bench', brokers: cluster.brokers }, (admin) => makeTopic(admin, topic, { partitions }))
  const producer = kafkaClient({ clientId: 'bench', brokers: cluster.brokers }).producer()
  await producer.connect()
  let sent = 0
  let producing = true
  const traffic = (async () => {
    while (producing) {
      const messages = Array.from({ length: 10 }, () => ({ partition: sent++ % partitions, value: 'x' }))
      await producer.send({ topic, messages })
      await sleep(10_000 / rate)
    }
  })()
  const inside = []
  const all = []
  const settled = async () => {
    const began = performance.now()
    const isSettled = () =>
      inside
        .flatMap((each) => each.owned())
        .toSorted((a, b) => a - b)
        .join() === [...Array(partitions).keys()].join()
    await until(isSettled, { what: `${inside.length} members to have all partitions`, deadlineMs: 60_000 })
    await sleep(3_000) // whoever would take them for themselves, too
    await until(isSettled, { what: 'nobody to change anything any more', deadlineMs: 10_000 })
    return performance.now() - began
  }
  const waits = []
  for (const kind of order) {
    const one = await MAKERS[kind](cluster, groupId, topic, `${kind}-${number}`)
    inside.push(one)
    all.push({ ...one, kind })
    waits.push(await settled())
  }
  for (const one of [...inside].slice(0, 2)) {
    await one.leave()
    inside.splice(inside.indexOf(one), 1)
    waits.push(await settled())
  }
  producing = false
  await traffic
  const heard = () => [
    ...readFileSync(process.env.BENCH_HEARD, 'utf8')
      .trim()
      .split('\n')
      .map((line) => [...line.split(' '), 'pool']),
    ...all.flatMap(({ handled, kind }) => handled.map(([message, atMs]) => [message, atMs, kind])),
  ]
  const countOf = () => new Set(heard().map(([message]) => message)).size
  await until(() => countOf() >= sent, { what: 'every message to be handled', deadlineMs: 60_000 })
  const lost = sent - countOf()
  const twice = whoseFault(heard())
  for (const one of inside) await one.leave()
  await producer.disconnect()
  rmSync(process.env.BENCH_HEARD)
  const generations = all.find((one) => 'generations' in one)?.generations.size ?? 0
  const worstMs = Math.max(...waits)
  return { sent, lost, twice, generations, worstMs }
}

await withKafka(async (cluster) => {
  printMachine(cluster)
  const rows = []
  for (const [number, order] of ORDERS.entries()) rows.push({ order, ...(await play(cluster, order, number)) })
  printTable([
    [
      'order',
      'messages',
      'lost',
      'of the pool handled again',
      "of Java's",
      "of librdkafka's",
      "generations in the pool's time",
      'settled ms: worst',
    ],
    ...rows.map((row) => [
      row.order.join(', '),
      row.sent,
      row.lost,
      ...Object.values(row.twice),
      row.generations,
      row.worstMs,
    ]),
  ])
  console.log()
  const lost = rows.reduce((sum, row) => sum + row.lost, 0)
  const repeated = rows.reduce((sum, { twice }) => sum + twice.pool, 0)
  printTarget('lost', lost === 0, lost, '0')
  printTarget('of the pool handled again', repeated === 0, repeated, '0')
}).finally(() =>
  rmSync(folder, {
    recursive: true,
  }),
)
