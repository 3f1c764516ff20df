import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Admin, type ISocketFactory, type Kafka, Partitioners, type Producer } from 'kafkajs'
import { type Broker, startBroker } from '#scripts/broker.js'
import { freePorts } from '#scripts/kafka/ports.js'
import { GroupLog } from '#scripts/support/group-log.js'
import { kafkaClient } from '#scripts/support/kafka-client.js'
import { makeTopic, type Range, rangesOf, uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import type { ConsumerPoolOptions, PoolStatus } from '#src/index.js'
import { within } from '#src/util/within.js'
import type { Dice } from '../../support/control/dice.js'
import { type Letter, place } from '../judge/evidence.js'
import type { Setting } from '../settings.js'
import { CONVICT_AFTER, TIMES } from '../times.js'
import { Load } from './load.js'
import { Member } from './member.js'
import { NetworkProxy, type Weather } from './proxy.js'
import { StateDisk } from './state-disk.js'

export const PARTITIONS = 8
export const SLOTS = 2
const HANDLER = new URL('../../support/handlers/record.mjs', import.meta.url)
const CLOCK = new URL('./clock.mjs', import.meta.url)
const NEVER = 1_000_000
const CLOSE_MS = 10_000
const LOOK_MS = 1_500
const START_TRIES = 5

/** The pools of one group. The first has static members. */
export const NAMES = ['a', 'b'] as const

/** A member's status, and who says so. */
export interface View {
  readonly member: Member
  readonly status: PoolStatus
}

/** One cluster, one topic, one group of two pools, and the load: what faults are done to. */
export class World {
  readonly setting: Setting
  readonly folder: string
  readonly broker: Broker
  /** One before each node, in the order of their ids. */
  readonly #proxies: readonly NetworkProxy[]
  readonly topic = uniqueName('faults')
  readonly groupId = uniqueName('faults')
  readonly admin: Admin
  readonly producer: Producer
  readonly load: Load
  readonly log: GroupLog
  /** Everyone who was ever started, oldest first. */
  readonly members: Member[] = []
  readonly failedStarts: string[] = []
  readonly #kafka: Kafka
  readonly #letters = new Map<string, Letter>()
  readonly #disks = new Map<string, StateDisk>()
  #isClosed = false

  private constructor(setting: Setting, folder: string, broker: Broker, proxies: readonly NetworkProxy[]) {
    this.setting = setting
    this.folder = folder
    this.broker = broker
    this.#proxies = proxies
    // The harness itself is not behind the proxies, whatever the nodes say of their addresses.
    const direct = (port: number) => proxies.find((proxy) => proxy.port === port)?.targetPort ?? port
    const socketFactory: ISocketFactory = ({ host, port, onConnect }) =>
      connect({ host, port: direct(port) }, onConnect)
    this.#kafka = kafkaClient({
      ...{ clientId: 'harness', brokers: broker.brokers, socketFactory },
      retry: { retries: NEVER, initialRetryTime: 50, maxRetryTime: 500 },
    })
    this.admin = this.#kafka.admin()
    this.producer = this.#kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      metadataMaxAge: 1_000,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
    })
    this.load = new Load(this.producer, this.topic, PARTITIONS)
    this.log = new GroupLog(broker.brokers, socketFactory)
  }

  /** @param folder for all that is written: records, events, logs */
  static async open(setting: Setting, folder: string): Promise<World> {
    mkdirSync(folder, { recursive: true })
    const { nodes } = setting
    const proxies = await Promise.all((await freePorts(nodes)).map((port) => NetworkProxy.start(port)))
    const clientPorts = proxies.map(({ port, targetPort }) => ({ port: targetPort, advertised: port }))
    const broker = await startBroker({ nodes, clientPorts }).catch(async (error: unknown) => {
      await Promise.all(proxies.map((proxy) => proxy.close()))
      throw error
    })
    const world = new World(setting, folder, broker, proxies)
    try {
      await Promise.all([world.admin.connect(), world.producer.connect()])
      await makeTopic(world.admin, world.topic, { partitions: PARTITIONS })
      await world.makeDeadLetterTopic()
      world.mendHandler()
    } catch (error) {
      await world.close()
      throw error
    }
    return world
  }

  get deadLetterTopic(): string {
    return `${this.topic}.dlq`
  }

  get record(): string {
    return join(this.folder, 'record')
  }

  // ── the pools ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** How many there should be. */
  get on(): number {
    return this.members.filter(({ isOn }) => isOn).length
  }

  /** All processes of all of them that are there now. */
  get left(): number[] {
    return this.members.flatMap(({ left }) => left)
  }

  /** Those that are up now. */
  get up(): Member[] {
    return this.members.filter(({ isUp }) => isUp)
  }

  #options(name: string): ConsumerPoolOptions {
    const brokers = this.#proxies.map(({ port }) => `127.0.0.1:${port}`)
    return {
      kafka: { brokers, clientId: name, requestTimeout: TIMES.request },
      consumer: {
        groupId: this.groupId,
        ...(name === NAMES[0] ? { groupInstanceId: name } : {}),
        sessionTimeout: TIMES.session,
        heartbeatInterval: TIMES.heartbeat,
        rebalanceTimeout: TIMES.rebalance,
        maxWaitTimeInMs: 100,
      },
      topics: [this.topic],
      handler: pathToFileURL(this.#handler).href,
      deadLetter: true,
      convictAfter: CONVICT_AFTER,
      fromBeginning: true,
      workers: SLOTS,
      concurrency: name === NAMES[0] ? 1 : 4,
      commitIntervalMs: TIMES.commit,
      drainTimeoutMs: TIMES.drain,
      loadTimeoutMs: TIMES.load,
      maxProcessingMs: TIMES.maxProcessing,
      terminateTimeoutMs: TIMES.terminate,
      retry: { initialDelayMs: 50, maxDelayMs: 500, initialPauseMs: 1_000, maxPauseMs: 2_000 },
      restart: { delayMs: TIMES.restartDelay, maxDelayMs: TIMES.restartMaxDelay, probeMs: TIMES.probe },
      resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4 },
      logger: { level: 'info' },
      ...(this.setting.hasStateDir ? { stateDir: this.stateDisk(name).path } : {}),
      ...this.setting.pool,
    }
  }

  /** Starts a process; its pool is not started. */
  spawn(name: string): Member {
    const member = new Member(name, this.folder, this.#options(name), this.setting.isSupervised)
    this.members.push(member)
    return member
  }

  /** Starts a process and its pool, and does it again when that fails, as a service manager does. */
  async begin(name: string): Promise<Member> {
    for (let tries = 1; ; tries++) {
      const member = this.spawn(name)
      try {
        await member.start()
        return member
      } catch (error) {
        this.failedStarts.push(`${name}: ${error}`)
        await member.kill()
        if (tries === START_TRIES || this.#isClosed) throw error
      }
    }
  }

  /** What they say of themselves. One that ends meanwhile, or does not answer in time, is left out. */
  async look(): Promise<View[]> {
    const views = this.up.map(async (member): Promise<View[]> => {
      try {
        return [{ member, status: await member.status() }]
      } catch {
        return []
      }
    })
    const inTime = views.map((view) => Promise.race([view, sleep(LOOK_MS, [])]))
    return (await Promise.all(inTime)).flat()
  }

  // ── the stateDir ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** What the pools of that name keep their state on. */
  stateDisk(name: string): StateDisk {
    let disk = this.#disks.get(name)
    if (disk === undefined) {
      disk = StateDisk.mount(join(this.folder, `state-${name}`))
      this.#disks.set(name, disk)
    }
    return disk
  }

  /** What pools that have stopped have left there. */
  get leftInStateDirs(): string[] {
    return [...this.#disks.values()].flatMap(({ path }) => readdirSync(path).map((name) => join(path, name)))
  }

  // ── the handler's module ──────────────────────────────────────────────────────────────────────────────────────────

  get #handler(): string {
    return join(this.folder, 'handler.mjs')
  }

  /** Whoever loads it gets the recording handler. */
  mendHandler(): void {
    const record = `export { default } from '${HANDLER.href}?dir=${encodeURIComponent(this.record)}'`
    writeFileSync(this.#handler, `import '${CLOCK.href}'\n${record}\n`)
  }

  breakHandler(): void {
    writeFileSync(this.#handler, 'export default (message) => { a deployment that went wrong\n')
  }

  // ── dead letters ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param nodes that have a copy of it; as many as of other topics by default */
  async makeDeadLetterTopic(nodes?: readonly number[]): Promise<void> {
    await makeTopic(this.admin, this.deadLetterTopic, { partitions: PARTITIONS, ...(nodes && { nodes }) })
  }

  async deleteDeadLetterTopic(): Promise<void> {
    await this.deadLetters()
    await this.admin.deleteTopics({ topics: [this.deadLetterTopic] })
    const isGone = async () => !(await this.admin.listTopics()).includes(this.deadLetterTopic)
    await until(isGone, { what: 'the dead-letter topic to be gone', everyMs: 100 })
  }

  /** Every message that is, or was, in the dead-letter topic, by its origin. */
  async deadLetters(): Promise<readonly Letter[]> {
    const topic = this.deadLetterTopic
    const left = new Map((await rangesOf(this.admin, topic)).map(({ partition, to }) => [partition, to]))
    for (const [partition, to] of left) if (to === 0) left.delete(partition)
    if (left.size > 0) {
      const consumer = this.#kafka.consumer({ groupId: uniqueName('letters'), maxWaitTimeInMs: 100 })
      try {
        await consumer.connect()
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            const header = (name: string) => message.headers?.[`kcp-dlq-${name}`]?.toString()
            const letter = {
              ...{ partition: Number(header('partition')), offset: Number(header('offset')) },
              ...{ attempts: Number(header('attempts')), reason: header('reason') as Letter['reason'] },
              number: Number(message.value?.toString().split(' ')[1]),
            }
            this.#letters.set(place(letter), letter)
            if (Number(message.offset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition)
          },
        })
        await until(() => left.size === 0, { what: 'the dead letters to be read' })
      } finally {
        await consumer.disconnect()
      }
    }
    return [...this.#letters.values()]
  }

  // ── nodes and network ─────────────────────────────────────────────────────────────────────────────────────────────

  get nodes(): number[] {
    return this.broker.brokers.map((_, index) => index + 1)
  }

  /** The node that coordinates the group. */
  async coordinator(): Promise<number> {
    return (await this.log.placeOf(this.groupId)).leader
  }

  /** The node that decides who leads what. */
  async controller(): Promise<number> {
    const told = await this.broker.tool('kafka-metadata-quorum', ['describe', '--status'])
    const [, leader] = /^LeaderId:\s+(\d+)$/m.exec(told) ?? []
    if (leader === undefined) throw new Error(`no controller in:\n${told}`)
    return Number(leader)
  }

  /** How many partitions of the topic each node leads. */
  async leads(): Promise<Map<number, number>> {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [this.topic] })
    const leaders = topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
    return new Map(this.nodes.map((node) => [node, leaders.filter((leader) => leader === node).length]))
  }

  /** Where the group's offsets and members are stored moves to another node, with nobody harmed. @returns that node */
  async moveCoordinator(dice: Dice): Promise<number> {
    const { topic, partition, leader } = await this.log.placeOf(this.groupId)
    const others = this.nodes.filter((node) => node !== leader)
    const next = dice.one(others) ?? leader
    const copies = (replicas: number[]) =>
      this.admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition, replicas }] }] })
    const newOrder = [next, ...others.filter((node) => node !== next)]
    // The leader has to go when it has no copy any more; then it gets one again, and stays what it is.
    await copies(newOrder)
    const hasGone = async () => (await this.coordinator()) !== leader
    await until(hasGone, { what: 'the coordinator to move', everyMs: 20 })
    await copies([...newOrder, leader])
    return this.coordinator()
  }

  /** @param name of the clients: of one member, or empty for all @param nodes before which it is made @default all */
  weather(name: string, weather: Weather, nodes = this.nodes): void {
    for (const node of nodes) this.#proxies[node - 1]?.set(name, weather)
  }

  /** Breaks connections. @returns how many */
  reset(name: string): number {
    return this.#proxies.reduce((sum, proxy) => sum + proxy.reset(name), 0)
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is in the topic now. */
  stored(): Promise<Range[]> {
    return rangesOf(this.admin, this.topic)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await within(this.load.stop(), CLOSE_MS)
    await Promise.all(this.members.map((member) => member.killAll()))
    for (const disk of this.#disks.values()) disk.unmount()
    // A client that waits for a broker that is not there does so for ever.
    const clients = [this.log.close(), this.producer.disconnect(), this.admin.disconnect()]
    await within(Promise.allSettled(clients), CLOSE_MS)
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
    await this.broker.stop()
  }
}
