/*
 * Chaos: three nodes, one cooperative-sticky group of own processes (one with static ids), of Java's consumer and of librdkafka's
 * (`pip install confluent-kafka`, in the Python that PYTHON names), and in a seeded order everything that may happen to any
 * of them. Is a message lost, does a partition have two owners at a moment, and what does each repeated message come of?
 * The judge is tested with planted violations in test/unit/bench/; CHAOS_KEEP keeps what was recorded of a good run, too.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
import { wallClock } from './support/chaos-clock.mjs'
import { foreignEvidence, saidByJava, saidInJson } from './support/chaos-foreign.mjs'
import { lostOf, verdictOf } from './support/chaos-judge.mjs'
import { ownEvidence } from './support/chaos-own.mjs'
import { TIMES } from './support/chaos-times.mjs'
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
/** Of the clock of ours and that of all others. */
const samples = []
const look = () => samples.push({ machineMs: machineMs(), wallMs: Date.now() })
look()
setInterval(look, 500).unref()

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
const said = []
const deaths = []
const outages = []

const ended = (child) =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit')

/** A process of ours; what it holds is read from its diary in the end. */
const ownProcess = async ({ brokers }, { workers, groupInstanceId }) => {
  const asked = new Set()
  const start = async () => {
    const task = { brokers, topic: TOPIC, groupId: GROUP, groupInstanceId, workers, recordDir, diary }
    const child = fork(ENTRY, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    child.once('exit', (code, signal) => {
      deaths.push({ pid: child.pid, machineMs: machineMs(), how: signal ?? code, isAsked: asked.has(child.pid) })
    })
    await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ended(child).then(() => Promise.reject(new Error('a pool ended before it had started'))),
    ])
    return child
  }
  let child = await start()
  return {
    end: async (signal) => {
      asked.add(child.pid)
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
  const hear = (line) => {
    const heard = kind === 'java' ? saidByJava(line) : saidInJson(line)
    if (heard === null) return
    if (heard.event === 'uncommitted') note(`${member} could not commit: ${heard.reason}`)
    if (heard.event === 'unreadable') note(`${member} said what cannot be read: ${heard.line}`)
    said.push({ member, kind, ...heard })
  }
  const lines = createInterface({ input: child.stdout }).on('line', hear)
  const read = once(lines, 'close')
  const gone = ended(child).then(async () => {
    const timestamp = Date.now()
    await read
    said.push({ member, kind, event: 'gone', timestamp })
  })
  return {
    kind,
    member,
    isGone: () => child.exitCode !== null || child.signalCode !== null,
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

/** Java's client tells its log alone what is lost and not revoked, and the generation: in between the lines of JSON. */
const JAVA_SAYS = [
  '-Dorg.slf4j.simpleLogger.logFile=System.out',
  '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.consumer.internals=info',
]

const MAKERS = {
  librdkafka: ({ brokers }) =>
    foreignMember('librdkafka', PYTHON, [SCRIPT, brokers.join(','), GROUP, TOPIC, `librdkafka-${members}`]),
  java: ({ brokers, tools }) =>
    foreignMember(
      'java',
      tools.java.command,
      toolArguments(
        { ...tools.java, options: [...tools.java.options, ...JAVA_SAYS] },
        'org.apache.kafka.tools.VerifiableConsumer',
        [
          ...['--bootstrap-server', brokers.join(','), '--topic', TOPIC, '--group-id', GROUP],
          ...['--session-timeout', `${TIMES.sessionMs}`, '--reset-policy', 'earliest', '--verbose'],
          ...['--assignment-strategy', 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'],
        ],
      ),
    ),
}

const diaryLines = () =>
  existsSync(diary)
    ? readFileSync(diary, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : []

/** What ours did and said so far, by the clock on the wall. */
const ownSide = () => {
  look()
  const wallMs = wallClock(samples)
  const onWall = (one) => ({ ...one, atMs: wallMs(one.machineMs) })
  return { ends: deaths.map(onWall), ...ownEvidence(diaryLines().map(onWall), deaths.map(onWall)) }
}

const ownHandlings = () => {
  look()
  const wallMs = wallClock(samples)
  return readRecord(recordDir).map(({ pid, slot, partition, offset, startMs, endMs }) => ({
    ...{ member: `${pid}/${slot}`, kind: 'own', pid, partition, offset },
    ...{ startMs: wallMs(startMs), endMs: endMs === null ? null : wallMs(endMs) },
  }))
}

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
    outage.toMs = Date.now()
  }
  const oneOf = (kind) => {
    const able = others.filter((one) => one.kind === kind && !one.isGone())
    return able[below(able.length)]
  }
  const deed = (value) => async () => {
    const { holdings } = ownSide()
    const held = holdings.filter(({ how }) => how === 'held').map(({ partition }) => partition)
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
      const hasCome = () =>
        said.some(({ member, event, name = event }) => member === guest.member && /assigned$/.test(name))
      await until(hasCome, { what: `${guest.member} to join`, deadlineMs: 60_000, everyMs: 200 }).catch(({ message }) =>
        note(message),
      )
      await sleep(1_000 + below(5_000))
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
  const handled = () => [...ownHandlings(), ...foreignEvidence(said).handlings]
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

  const [ours, foreign] = [ownSide(), foreignEvidence(said)]
  const evidence = {
    ...{ deaths: ours.ends, outages, crashes: ours.crashes, handlings: handled() },
    ...{ holdings: [...ours.holdings, ...foreign.holdings], commits: [...ours.commits, ...foreign.commits] },
  }
  writeFileSync(join(folder, 'evidence.json'), JSON.stringify({ ranges, said, deaths, outages, samples }))
  const { overlaps, strays, repeats, blindness } = verdictOf(ranges, evidence, TIMES)
  const produced = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  const causes = new Map()
  for (const { cause = 'NOT EXPLAINED' } of repeats) causes.set(cause, (causes.get(cause) ?? 0) + 1)
  const unasked = deaths.filter(({ isAsked }) => !isAsked)

  console.log()
  printTable([['act', 'times'], ...[...counts].sort()])
  console.log()
  printTable([['said by pools', 'times'], ...[...ours.times].sort()])
  console.log()
  printTable([['messages handled again: cause', 'times'], ...[...causes].sort(), ['all', repeats.length]])
  console.log(
    `\n${produced} messages, ${refused} refused, ${ours.crashes.length} crashes of threads, ${deaths.length} ends of processes\n`,
  )
  const unexplained = repeats.filter(({ cause }) => cause === undefined)
  const owned = overlaps.filter(({ before, after }) => before.kind === 'own' || after.kind === 'own')
  for (const one of [...overlaps, ...unexplained, ...strays, ...unasked, ...blindness].slice(0, 20)) {
    console.log(JSON.stringify(one))
  }
  printTarget('lost', lost.length === 0, lost.length, '0')
  printTarget('overlaps of ours with anybody', owned.length === 0, owned.length, '0')
  printTarget('overlaps among others', overlaps.length === owned.length, overlaps.length - owned.length, '0')
  printTarget('begun by ours where it held nothing', strays.length === 0, strays.length, '0')
  printTarget('handled again without a cause', unexplained.length === 0, unexplained.length, '0')
  printTarget('ends of our processes that nobody asked for', unasked.length === 0, unasked.length, '0')
  printTarget('what the judge could not see', blindness.length === 0, blindness.length, '0')
  return process.exitCode === undefined
}

console.log(`--minutes ${minutes} --seed ${seed}`)
const cluster = await startBroker({ nodes: 3 })
let isGood = false
try {
  isGood = await run(cluster)
} finally {
  await cluster.stop()
  if (isGood && process.env.CHAOS_KEEP === undefined) rmSync(folder, { recursive: true })
  else console.log(`what was recorded: ${folder}`)
}
process.exit()
