import { threadId } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { KafkaConfig, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { DataClient } from '../kafka/client.js'
import type { ClusterView } from '../kafka/metadata.js'
import type { Ledger } from '../protocol/ledger.js'
import { type FromThread, type SlotTask, STOPPED, type ToThread } from '../protocol/messages.js'
import type { EffectiveConfig } from '../protocol/reports.js'
import { createThreadLogger } from '../telemetry/thread-logger.js'
import { monotonicMs } from '../util/clock.js'
import { unreachable } from '../util/unreachable.js'
import { connectForEver } from './connect.js'
import { Fetcher } from './fetching/fetcher.js'
import type { Handler, HandlerModule } from './handler.js'
import type { ContextFacts } from './handling/context.js'
import { Dispatcher } from './handling/dispatcher.js'
import { Failures } from './handling/failures.js'
import { Gate } from './handling/gate.js'
import { giveUp } from './handling/give-up.js'
import { HandlerLife } from './handling/handler-life.js'
import { Journal } from './handling/journal.js'
import type { Tracing } from './handling/tracing.js'
import { Turns } from './handling/turns.js'
import { HeapWatch, ownHeap } from './heap-watch.js'
import { Partitions } from './partitions.js'
import { SharedMemory } from './shared-memory.js'
import { WakeUp } from './wake-up.js'

/** What the runtime needs from outside; fakes in tests. */
export interface RuntimePorts {
  readonly loadHandler: (url: string) => Promise<HandlerModule>
  readonly createClient: (options: {
    clientId: string
    kafka: KafkaConfig
    log: Logger
    view: ClusterView
    loadTimeoutMs: number
  }) => DataClient | Promise<DataClient>
  /** Asked only with option `tracing`. @throws {PoolError} `KCP_MODULE_NOT_USABLE` */
  readonly loadTracing?: (options: { groupId: string; log: Logger }) => Promise<Tracing>
  /** The configuration as it may be shown. */
  readonly effectiveConfig: (config: SlotConfig, clientId: string) => EffectiveConfig
  /** Called before messages are handled: lets the other threads of the process go first, in time. */
  readonly giveWay: () => void
  /** What limits the thread's heap, in MB, if that is known. */
  readonly heapMb?: number | undefined
}

/** The parts that exist once the client is connected. */
interface Work {
  readonly dispatcher: Dispatcher
  readonly fetcher: Fetcher
  readonly gate: Gate
  readonly turns: Turns
  readonly heapWatch: HeapWatch
}

/** How long a thread that ends may take to hand its spans over: less than it has for `teardown` at the least. */
const FLUSH_MS = 1_000

/** One incarnation of a slot, seen from inside its thread: from the task that main gives it until it returns. */
export class Runtime {
  readonly #task: SlotTask
  readonly #ports: RuntimePorts
  readonly #memory: SharedMemory
  readonly #ledger: Ledger
  readonly #log: Logger
  readonly #partitions = new Partitions()
  readonly #connecting = new WakeUp()
  readonly #ending: Promise<typeof STOPPED>
  #end: (result: typeof STOPPED) => void = () => {}
  #fault: (fault: unknown) => void = () => {}
  #ended = false
  /** Main has given the thread partitions. Not whether they are there still: what is revoked goes before main's word comes. */
  #hasWork = false
  /** Grows each time that changes: only the last change counts. */
  #change = 0
  /** What main knows of the cluster, until there is a fetcher to tell. */
  #view: ClusterView
  #client: DataClient | undefined
  #work: Work | undefined
  #life: HandlerLife | undefined
  #tracing: Tracing | undefined
  readonly #journal: Journal | null

  constructor(task: SlotTask, ports: RuntimePorts) {
    this.#task = task
    this.#view = task.view
    this.#ports = ports
    this.#memory = new SharedMemory(task.file?.fd ?? null)
    this.#ledger = this.#memory.ledger(task.ledger, task.file?.at)
    this.#log = createThreadLogger({ ...task, post: this.#post })
    const { journal = null, config } = task
    this.#journal = journal && new Journal({ ...journal, rows: config.concurrency, log: this.#log, now: monotonicMs })
    this.#ending = new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fault = reject
    })
    // Whoever awaits it gets the rejection; a fault after the end has nobody to go to and was logged.
    this.#ending.catch(() => {})
  }

  /**
   * Fills the slot until main says `stop` or closes its end of the port.
   *
   * @throws {PoolError} when the handler cannot be loaded or set up, or `KCP_INTERNAL` for a fault of our own
   */
  async run(): Promise<typeof STOPPED> {
    const { port } = this.#task
    port.on('message', (message: ToThread) => this.#guard(() => this.#receive(message)))
    port.on('close', this.#stop)
    try {
      const result = await Promise.race([this.#ending, this.#start().then(() => this.#ending)])
      await this.#finish()
      await this.#life?.tearDown().catch((err: Error) => this.#log.error(err.message))
      await this.#tracing?.flush(FLUSH_MS)
      return result
    } finally {
      await this.#finish()
      port.close()
    }
  }

  async #finish(): Promise<void> {
    this.#ended = true
    this.#work?.heapWatch.close()
    this.#work?.fetcher.close()
    this.#client?.close()
    await this.#work?.dispatcher.close()
    this.#journal?.close()
    this.#ledger.noteTally()
  }

  async #start(): Promise<void> {
    const { config, clientId, view } = this.#task
    const module = await this.#traced(await this.#ports.loadHandler(config.handler))
    if (this.#ended) return
    this.#life = this.#lifeOf(module)
    const setUp = this.#life.setUp().then(() => {
      this.#tellUnheard()
      this.#post({ type: 'loaded' })
    })
    const [client] = await Promise.all([this.#connect(), setUp])
    if (client === null || this.#ended) return
    if (this.#view !== view) client.learn(this.#view)
    this.#work = this.#assemble(module.handler, client)
    this.#work.fetcher.start()
    this.#post({ type: 'ready', threadId, effective: this.#ports.effectiveConfig(config, clientId) })
  }

  /** A `setup` may have registered an SDK, too. */
  #tellUnheard(): void {
    if (this.#tracing?.isHeard !== false) return
    const what = 'tracing is on, but nothing in this thread has registered an OpenTelemetry SDK, so spans go nowhere'
    this.#log.warn(`${what}. Name the module that does in threadImports`)
  }

  /** Without option `tracing` the handler is called as it is. */
  async #traced(module: HandlerModule): Promise<HandlerModule> {
    const { loadTracing } = this.#ports
    const { tracing, consumer } = this.#task.config
    if (!tracing || loadTracing === undefined) return module
    this.#tracing = await loadTracing({ groupId: consumer.groupId, log: this.#log })
    return { ...module, handler: this.#tracing.around(module.handler) }
  }

  #lifeOf(module: HandlerModule): HandlerLife {
    const { slot, incarnation, clientId, config, setupTimeoutMs, teardownTimeoutMs } = this.#task
    const log = this.#log
    const context = { slot, incarnation, clientId, log }
    return new HandlerLife({
      module,
      url: config.handler,
      context,
      setupTimeoutMs,
      teardownTimeoutMs,
      ledger: this.#ledger,
      log,
    })
  }

  /** Resolves when the client is connected; with null when the thread is told to stop before. */
  async #connect(): Promise<DataClient | null> {
    const { config, clientId, view, setupTimeoutMs: loadTimeoutMs } = this.#task
    const { kafka } = config
    const log = this.#log
    const client = await this.#ports.createClient({ clientId, kafka, log, view, loadTimeoutMs })
    if (this.#ended) return null
    this.#client = client
    const isThere = await connectForEver(client, { log, wakeUp: this.#connecting, stopped: () => this.#ended })
    return isThere ? client : null
  }

  #assemble(handler: Handler, client: DataClient): Work {
    const { slot, incarnation, clientId, config } = this.#task
    const partitions = this.#partitions
    const common = { ledger: this.#ledger, log: this.#log, now: monotonicMs, post: this.#post }
    const onFault = this.#reportFault
    const facts: ContextFacts = { ...common, slot, incarnation, clientId, maxProcessingMs: config.maxProcessingMs }
    const gate = new Gate({
      ...common,
      partitions,
      isFixed: config.fixed !== null,
      onReopen: () => dispatcher.scheduleAll(),
    })
    const turns = new Turns({
      handler,
      facts,
      gate,
      failures: new Failures({ ...common, policy: config }),
      journal: this.#journal,
      arrivingBytes: () => client.arrivingBytes,
      awaitsFirst: () => fetcher.awaitsFirst,
      hurries: () => heapWatch.isClose,
      onTurn: (nowMs) => {
        this.#ports.giveWay()
        heapWatch.look(nowMs)
      },
      onRoom: (partition) => fetcher.hasRoom(partition),
      onRetry: (partition) => {
        dispatcher.schedule(partition)
        fetcher.hasRoom(partition)
      },
      onGivenUp: (given) => giveUp(given, this.#post),
    })
    const dispatcher: Dispatcher = new Dispatcher({ concurrency: config.concurrency, partitions, gate, turns, onFault })
    const fetcher: Fetcher = new Fetcher({
      ...common,
      client,
      knownTopics: this.#view.topics,
      partitions,
      consumer: config.consumer,
      fromBeginning: config.fromBeginning,
      onFetched: (partition) => dispatcher.schedule(partition),
      onFault,
    })
    const heapWatch: HeapWatch = new HeapWatch({
      ...common,
      heap: ownHeap(this.#ports.heapMb),
      onReport: () => this.#ledger.tally.buffers(partitions.bufferedBytes),
      onFull: () => this.#post({ type: 'heap-full' }),
      onReopen: () => dispatcher.scheduleAll(),
    })
    return { dispatcher, fetcher, gate, turns, heapWatch }
  }

  async #receive(message: ToThread): Promise<void> {
    switch (message.type) {
      case 'assign':
        this.#assign(message)
        this.#done(message.requestId)
        break
      case 'quiesce':
        await this.#work?.dispatcher.quiesce()
        this.#done(message.requestId)
        break
      case 'revoke':
        if (this.#work === undefined) this.#partitions.close(message.partitionIds)
        else await this.#work.dispatcher.revoke(message.partitionIds)
        this.#done(message.requestId)
        break
      case 'still':
        await this.#work?.dispatcher.still(message.topic, message.partitions)
        this.#done(message.requestId)
        break
      case 'go-on':
        this.#work?.dispatcher.scheduleAll()
        break
      case 'log-level':
        this.#log.level = message.logLevel
        break
      case 'leaders':
        if (this.#work === undefined) this.#view = withNews(this.#view, message.view)
        else this.#work.fetcher.told(message.view)
        break
      case 'dead-letter': {
        const partition = this.#partitions.byId(message.partitionId)
        if (partition !== undefined) this.#work?.turns.deadLettered(partition, message.outcome === 'stored')
        break
      }
      case 'stop':
        this.#stop()
        break
      default:
        unreachable(message)
    }
  }

  #assign({ added, removed, page, at }: Extract<ToThread, { type: 'assign' }>): void {
    this.#partitions.drop(removed)
    this.#memory.drop(removed)
    this.#partitions.add(added, this.#memory.page(page, at, added))
    const hasWork = this.#partitions.size > 0
    if (hasWork !== this.#hasWork) {
      this.#hasWork = hasWork
      const change = ++this.#change
      void this.#guard(() => (hasWork ? this.#resume(change) : this.#rest(change)))
    }
    this.#work?.fetcher.take()
  }

  /** Everything was taken away: the handler is torn down once it is still, unless something comes before that. */
  async #rest(change: number): Promise<void> {
    const work = this.#work
    if (work === undefined || this.#life?.hasHooks !== true) return
    work.gate.hold()
    await work.dispatcher.quiesce()
    if (change === this.#change) await this.#life.tearDown().catch(this.#fault)
  }

  /** There is something to handle again. */
  async #resume(change: number): Promise<void> {
    const work = this.#work
    if (work === undefined || this.#life?.hasHooks !== true) return
    try {
      await this.#life.setUp()
    } catch (error) {
      this.#fault(error) // as at the first time: the thread gives the slot back
      return
    }
    // A later change may have a teardown behind this setup.
    if (change === this.#change) work.gate.release()
  }

  #done(requestId: number): void {
    this.#post({ type: 'done', requestId })
  }

  readonly #post = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void =>
    this.#task.port.postMessage(message, transfer)

  readonly #stop = (): void => {
    this.#ended = true
    this.#connecting.wake()
    this.#end(STOPPED)
  }

  async #guard(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (fault) {
      this.#reportFault(fault)
    }
  }

  readonly #reportFault = (fault: unknown): void => {
    this.#log.error({ err: fault }, 'fault in the data plane: the thread gives the slot back. Please report this')
    this.#fault(new PoolError(ErrorCode.internal, 'Fault in the data plane; please report this', { cause: fault }))
  }
}

const withNews = ({ topics }: ClusterView, news: ClusterView): ClusterView => ({
  brokers: news.brokers,
  topics: [...topics.filter(({ topic }) => !news.topics.some((each) => each.topic === topic)), ...news.topics],
})
