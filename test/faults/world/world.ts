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
import { type Letter, place } from '../judge/evidence.js'
import type { Setting } from '../settings.js'
import { CONVICT_AFTER, TIMES } from '../times.js'
import { Load } from './load.js'
import { Member } from './member.js'
import { NetworkProxy } from './proxy.js'
import { StateDisk } from './state-disk.js'

export const PARTITIONS = 8
export const SLOTS = 2
const HANDLER = new URL('../../support/handlers/record.mjs', import.meta.url)
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
  /** Between the pools and the only node. */
  readonly proxy: NetworkProxy | null
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

  private constructor(setting: Setting, folder: string, broker: Broker, proxy: NetworkProxy | null) {
    this.setting = setting
    this.folder = folder
    this.broker = broker
    this.proxy = proxy
    // The harness itself is not behind the proxy, whatever the broker says of its address.
    const direct = (port: number) => (port === proxy?.port ? Number(broker.brokers[0]?.split(':')[1]) : port)
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
    const [port = 0] = nodes === 1 ? await freePorts(1) : []
    const proxy = nodes === 1 ? await NetworkProxy.start(port) : null
    const properties = proxy === null ? {} : { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` }
    const where = nodes === 1 ? { port } : {}
    const broker = await startBroker({ nodes, properties, ...where }).catch(async (error: unknown) => {
      await proxy?.close()
      throw error
    })
    const world = new World(setting, folder, broker, proxy)
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
    const addresses = this.proxy === null ? this.broker.brokers : [`127.0.0.1:${this.proxy.port}`]
    return {
      kafka: { brokers: addresses, clientId: name, requestTimeout: TIMES.request },
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
    writeFileSync(this.#handler, `export { default } from '${HANDLER.href}?dir=${encodeURIComponent(this.record)}'\n`)
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

  /** The node that coordinates the group. */
  coordinator(): Promise<number> {
    return this.log.coordinatorOf(this.groupId)
  }

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
    await this.proxy?.close()
    await this.broker.stop()
  }
}
