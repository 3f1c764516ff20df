/*
 * Chaos: three nodes, one cooperative-sticky group of own processes (one with static ids), of Java's consumer and of librdkafka's
 * (`pip install confluent-kafka`, in the Python that PYTHON names), and in a seeded order everything that may happen to any
 * of them. Is a message lost, does a partition have two owners at a moment, and what does each repeated message come of?
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startBroker } from '#scripts/broker.js'
import { toolArguments } from '#scripts/kafka/java.js'
import { GroupLog } from '#scripts/support/group-log.js'
import { exactProducer, kafkaClient, withAdmin } from '#scripts/support/kafka-client.js'
import { machineMs, readRecord } from '#scripts/support/recorder.js'
import { makeTopic, rangesOf } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ownSide } from './support/chaos-diary.mjs'
import { lostOf, overlapsOf, repeatsOf, sharedOf } from './support/chaos-judge.mjs'
import { printTable, printTarget } from './support/figures.mjs'
import { printMachine, programOptions } from './support/program.mjs'

const { minutes, seed, partitions, rate } = programOptions({ minutes: 30, seed: 1, partitions: 24, rate: 100 })
const PYTHON = process.env.PYTHON ?? 'python3'
const SCRIPT = fileURLToPath(new URL('support/librdkafka_member.py', import.meta.url))
const ENTRY = new URL('support/chaos-process.mjs', import.meta.url)
const PATIENCE_MS = 180_000
const TOPIC = 'bench-chaos'
const GROUP = 'bench-chaos'

const folder = mkdtempSync(join(tmpdir(), 'kcp-chaos-'))
const recordDir = join(folder, 'record')
const diary = join(folder, 'diary')
const beganMs = Date.now()
/** From the clock of the recorder to that of all others. */
const wallMs = Date.now() - machineMs()

let state = seed
const dice = () => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
const below = (limit) => Math.floor(dice() * limit)
const note = (line) => console.log(`${((Date.now() - beganMs) / 1000).toFixed(1).padStart(7)} s  ${line}`)

/** What was seen, for the judge. */
const holdings = []
const foreign = []
const foreignCommits = []
const deaths = []
const outages = []

const ended = (child) =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit')

/** A process of ours; what it holds is read from its diary in the end. */
const ownProcess = async ({ brokers }, { workers, groupInstanceId }) => {
  const start = async () => {
    const task = { brokers, topic: TOPIC, groupId: GROUP, groupInstanceId, workers, recordDir, diary }
    const child = fork(ENTRY, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    child.once('exit', (code, signal) => deaths.push({ pid: child.pid, atMs: Date.now(), how: signal ?? code }))
    await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ended(child).then(() => Promise.reject(new Error('a pool ended before it had started'))),
    ])
    return child
  }
  let child = await start()
  return {
    end: async (signal) => {
      child.kill(signal)
      await ended(child)
    },
    start: async () => {
      child = await start()
    },
  }
}

let members = 0
/** A foreign member, which says lines of JSON. */
const foreignMember = (kind, command, args) => {
  members += 1
  const member = `${kind} ${members}`
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', process.env.CHAOS_STDERR ? 'inherit' : 'ignore'] })
  const open = new Map()
  const close = (partition, atMs, how) => {
    const holding = open.get(partition)
    if (holding === undefined) return
    open.delete(partition)
    Object.assign(holding, { toMs: atMs, how })
  }
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return
    const said = JSON.parse(line)
    const { event = said.name, timestamp } = said
    const numbers = (said.partitions ?? []).map((each) => each.partition ?? each)
    if (event === 'handled' || event === 'record_data') {
      foreign.push({
        member,
        kind,
        partition: said.partition,
        offset: said.offset,
        startMs: timestamp,
        endMs: timestamp,
      })
    } else if (event === 'committed' || (event === 'offsets_committed' && said.success)) {
      for (const { partition, offset } of said.offsets) {
        foreignCommits.push({ member, kind, partition, offset, atMs: timestamp })
      }
    } else if (event === 'uncommitted') note(`${member} could not commit: ${said.reason}`)
    else if (event === 'assigned' || event === 'partitions_assigned') {
      for (const partition of numbers) {
        const holding = { member, kind, partition, fromMs: timestamp, toMs: Number.POSITIVE_INFINITY, how: 'held' }
        open.set(partition, holding)
        holdings.push(holding)
      }
    } else if (event === 'closing') for (const partition of [...open.keys()]) close(partition, timestamp, 'ended')
    else if (event === 'lost') for (const partition of numbers) close(partition, timestamp, 'lost')
    else if (event === 'revoked' || event === 'partitions_revoked') {
      for (const partition of numbers) close(partition, timestamp, 'revoked')
    }
  })
  const read = once(lines, 'close')
  const gone = ended(child).then(async () => {
    const atMs = Date.now()
    await read
    for (const partition of [...open.keys()]) close(partition, atMs, 'ended')
  })
  return {
    kind,
    member,
    isGone: () => child.exitCode !== null || child.signalCode !== null,
    holds: () => open.size,
    kill: () => {
      child.kill('SIGKILL')
      return gone
    },
    leave: async () => {
      child.stdin.end()
      if (kind === 'java') child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
      await gone
      clearTimeout(timer)
    },
  }
}

const MAKERS = {
  librdkafka: ({ brokers }) =>
    foreignMember('librdkafka', PYTHON, [SCRIPT, brokers.join(','), GROUP, TOPIC, `librdkafka-${members}`]),
  java: ({ brokers, tools }) =>
    foreignMember(
      'java',
      tools.java.command,
      toolArguments(tools.java, 'org.apache.kafka.tools.VerifiableConsumer', [
        ...['--bootstrap-server', brokers.join(','), '--topic', TOPIC, '--group-id', GROUP],
        ...['--session-timeout', '10000', '--reset-policy', 'earliest', '--verbose'],
        ...['--assignment-strategy', 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'],
      ]),
    ),
}

const diaryLines = () =>
  existsSync(diary)
    ? readFileSync(diary, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : []

const ownHandlings = () =>
  readRecord(recordDir).map(({ pid, slot, partition, offset, startMs, endMs }) => ({
    ...{ member: `${pid}/${slot}`, kind: 'own', pid, partition, offset },
    ...{ startMs: startMs + wallMs, endMs: endMs === null ? null : endMs + wallMs },
  }))

const run = async (cluster) => {
  printMachine(cluster)
  const { brokers } = cluster
  await withAdmin({ clientId: 'bench', brokers }, (admin) => makeTopic(admin, TOPIC, { partitions }))
  const producer = exactProducer(
    kafkaClient({ clientId: 'bench', brokers, retry: { retries: 20, maxRetryTime: 2_000 } }),
  )
  await producer.connect()
  let producing = true
  let sent = 0
  let refused = 0
  const send = async (messages) => {
    try {
      await producer.send({ topic: TOPIC, acks: -1, messages })
    } catch {
      refused += messages.length // whether they stand in the topic after all, the topic says in the end
    }
  }
  const traffic = (async () => {
    while (producing) {
      await send(Array.from({ length: 10 }, () => ({ partition: sent++ % partitions, value: 'x' })))
      await sleep(10_000 / rate)
    }
  })()

  const own = []
  for (const groupInstanceId of [undefined, 'static', undefined]) {
    own.push(await ownProcess(cluster, { workers: 2, groupInstanceId }))
  }
  const others = [MAKERS.java(cluster), MAKERS.librdkafka(cluster)]
  const counts = new Map()

  const nodeAway = async (node, signal) => {
    const outage = { fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY }
    outages.push(outage)
    await cluster.kill(node, signal)
    await sleep(1_000 + below(8_000))
    await cluster.restart(node)
    outage.toMs = Date.now() + 15_000 // until a session that nobody heard of is over, and leaders are found again
  }
  const oneOf = (kind) => {
    const able = others.filter((one) => one.kind === kind && !one.isGone())
    return able[below(able.length)]
  }
  const deed = (value) => async () => {
    const held = [...ownSide(diaryLines(), deaths).open.keys()].map((key) => Number(key.split('/')[2]))
    if (held.length > 0) await send([{ partition: held[below(held.length)], value }])
  }
  const coordinator = async () => {
    const log = new GroupLog(brokers)
    try {
      return (await log.placeOf(GROUP)).leader
    } finally {
      await log.close()
    }
  }
  const restarted = (index, signal) => async () => {
    await own[index].end(signal)
    await sleep(below(4_000))
    await own[index].start()
  }
  const foreignActs = (kind) => ({
    [`a member of ${kind} is killed`]: async () => {
      await oneOf(kind)?.kill()
      others.push(MAKERS[kind](cluster))
    },
    [`a member of ${kind} leaves`]: async () => {
      await oneOf(kind)?.leave()
      await sleep(below(5_000))
      others.push(MAKERS[kind](cluster))
    },
    [`a member of ${kind} comes and goes`]: async () => {
      const guest = MAKERS[kind](cluster)
      await sleep(5_000 + below(5_000))
      await guest.leave()
    },
  })
  const ACTS = {
    'a process is killed': restarted(0, 'SIGKILL'),
    'another process is killed': restarted(2, 'SIGKILL'),
    'the static process is killed': restarted(1, 'SIGKILL'),
    'the static process is restarted': restarted(1, 'SIGTERM'),
    'a process is restarted': restarted(0, 'SIGTERM'),
    'a handler throws outside': deed('throw'),
    'a handler ends its thread': deed('exit'),
    'a handler blocks for 20 s': deed('block'),
    ...foreignActs('java'),
    ...foreignActs('librdkafka'),
    'a node is restarted': () => nodeAway(1 + below(3), 'SIGTERM'),
    'a node is killed': () => nodeAway(1 + below(3), 'SIGKILL'),
    'the coordinator is killed': async () => nodeAway(Math.max(1, await coordinator()), 'SIGKILL'),
  }

  const untilMs = Date.now() + minutes * 60_000
  let deck = []
  while (Date.now() < untilMs) {
    if (deck.length === 0) deck = Object.keys(ACTS) // each once before any comes again
    const [name] = deck.splice(below(deck.length), 1)
    note(name)
    counts.set(name, (counts.get(name) ?? 0) + 1)
    await ACTS[name]()
    await sleep(1_000 + below(6_000))
  }

  note('calm')
  producing = false
  await traffic
  const ranges = await withAdmin({ clientId: 'bench', brokers }, (admin) => rangesOf(admin, TOPIC))
  const handled = () => [...ownHandlings(), ...foreign]
  let lost = []
  const isHandled = () => {
    lost = lostOf(ranges, handled())
    return lost.length === 0
  }
  await until(isHandled, { what: 'every message to be handled', deadlineMs: PATIENCE_MS, everyMs: 2_000 }).catch(
    () => {},
  )
  for (const one of own) await one.end('SIGTERM')
  for (const one of others.filter((each) => !each.isGone())) await one.leave()
  await producer.disconnect()

  const side = ownSide(diaryLines(), deaths)
  const overlaps = overlapsOf([...side.holdings, ...holdings], handled(), outages)
  const shared = sharedOf(side.assignments)
  const losses = [...side.losses, ...holdings]
  const commits = [...side.commits, ...foreignCommits]
  const repeats = repeatsOf(handled(), { losses, commits, crashes: side.crashes, deaths, outages })
  const produced = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  const causes = new Map()
  for (const { cause = 'NOT EXPLAINED' } of repeats) causes.set(cause, (causes.get(cause) ?? 0) + 1)

  console.log()
  printTable([['act', 'times'], ...[...counts].sort()])
  console.log()
  printTable([['messages handled again: cause', 'times'], ...[...causes].sort(), ['all', repeats.length]])
  console.log(
    `\n${produced} messages, ${refused} refused, ${side.crashes.length} crashes of threads, ${deaths.length} ends of processes\n`,
  )
  const unexplained = repeats.filter(({ cause }) => cause === undefined)
  const owned = overlaps.filter(({ before, after }) => before.kind === 'own' || after.kind === 'own')
  for (const one of [...shared, ...overlaps, ...unexplained].slice(0, 20)) console.log(JSON.stringify(one))
  printTarget('lost', lost.length === 0, lost.length, '0')
  printTarget('assigned to two of ours in one generation', shared.length === 0, shared.length, '0')
  printTarget('overlaps of ours with anybody', owned.length === 0, owned.length, '0')
  printTarget('overlaps among others', overlaps.length === owned.length, overlaps.length - owned.length, '0')
  printTarget('handled again without a cause', unexplained.length === 0, unexplained.length, '0')
  return process.exitCode === undefined
}

console.log(`--minutes ${minutes} --seed ${seed}`)
const cluster = await startBroker({ nodes: 3 })
let isGood = false
try {
  isGood = await run(cluster)
} finally {
  await cluster.stop()
  if (isGood) rmSync(folder, { recursive: true })
  else console.log(`what was recorded: ${folder}`)
}
process.exit()
