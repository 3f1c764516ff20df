import type { Logger, LoggerOptions } from 'pino'
import type { AssignorOption } from './assignor-names.js'
import type { ConsumerOptions, KafkaOptions } from './schema/kafka-options.js'

/** What happens to a message whose handler fails. */
export interface RetryOptions {
  /** How often a message is tried before it is exhausted. @default 10 */
  attempts?: number | undefined
  /** Milliseconds before the second attempt; doubles with each, with jitter. Only that partition waits. @default 200 */
  initialDelayMs?: number | undefined
  /** Longest wait between two attempts, in milliseconds. @default 60_000 */
  maxDelayMs?: number | undefined
  /**
   * Milliseconds after which a partition that stands still (an exhausted message, a batch that cannot be read) is tried
   * again, once; doubles each time that fails, with jitter.
   *
   * @default 30_000
   */
  initialPauseMs?: number | undefined
  /** Longest pause of a partition that stands still, in milliseconds. @default 600_000 */
  maxPauseMs?: number | undefined
}

/** Where messages go that cannot be handled. */
export interface DeadLetterOptions {
  /**
   * Name of the topic; `{topic}` stands for that of the topic that a message came from. It must exist: nothing creates it.
   *
   * @default '{topic}.dlq'
   */
  topic?: string | undefined
  /**
   * The partition with the same number, or another one where that is not there or has no leader (`any`); or that one and
   * no other (`same`).
   *
   * @default 'any'
   */
  partition?: 'any' | 'same' | undefined
  /** How many messages of one partition may go there in a row before the partition stands still. @default 10 */
  breaker?: number | undefined
  /** Milliseconds, at least 1,000, after which such a partition goes on by itself. By default it does not. */
  resumeAfterMs?: number | undefined
}

/** After what a thread is replaced between two messages, up to a fifth earlier at random. By default it is not. */
export interface RecycleOptions {
  /** Number of messages. */
  afterMessages?: number | undefined
  /** Milliseconds, at least 1,000. */
  afterMs?: number | undefined
}

/** How messages are processed. Each option may be set for the pool, for a subscription and for a slot. */
export interface ProcessingOptions {
  /** Milliseconds that a handler may take for one message before its thread is ended and replaced. @default 300_000 */
  maxProcessingMs?: number | undefined
  /**
   * Where to begin when the group has no committed offset, or the offset is gone: at the start of the partition
   * (`true`) or at its end. A partition that is added while the pool runs begins at its start in any case.
   *
   * @default false
   */
  fromBeginning?: boolean | undefined
  /**
   * How the group shares its partitions, in order of preference. With `cooperative-sticky` alone a rebalance stops nobody;
   * beside another one, to move a group over, it stops everybody as the others do. `range` and `roundrobin` are Java's;
   * `RoundRobinAssigner` is KafkaJS's. The path of a module is an assignor of your own (docs/assignors.md).
   *
   * @default ['cooperative-sticky']
   */
  assignors?: readonly AssignorOption[] | undefined
  /** How many messages an asynchronous handler may have in flight at once, each of another partition. @default 1 */
  concurrency?: number | undefined
  /** How often and when a failed message is tried again. */
  retry?: RetryOptions | undefined
  /**
   * Whether an exhausted message stops its partition, which is tried again later (`pause`), or is logged and passed over
   * (`skip`). With `deadLetter` it goes there.
   *
   * @default 'pause'
   */
  onExhausted?: 'pause' | 'skip' | undefined
  /** When a thread is replaced by a fresh one although it works, for handlers that leak. */
  recycle?: RecycleOptions | undefined
  /**
   * An OpenTelemetry span for each message, inside which the handler runs (docs/tracing.md). It takes `@opentelemetry/api`, and an SDK
   * that `threadImports` registers in each thread.
   *
   * @default false
   */
  tracing?: boolean | undefined
  /**
   * How many threads a message may kill before no other one handles it: it goes to the dead-letter topic, or its partition
   * stands still.
   *
   * @default 3
   */
  convictAfter?: number | undefined
  /**
   * The topic to which exhausted messages go. `true` for `{topic}.dlq`; `false` turns off what a less specific layer says.
   *
   * @default false
   */
  deadLetter?: DeadLetterOptions | boolean | undefined
}

/** The last layer: what one slot has different from its subscription. */
export interface SlotOverrides extends ProcessingOptions {
  kafka?: KafkaOptions | undefined
  consumer?: ConsumerOptions | undefined
}

/** Partitions of one topic. */
export interface AssignedTopic {
  topic: string
  /** Their numbers, from 0. */
  partitions: readonly number[]
}

/** Topics, the handler of their messages, and what differs from the shared options. */
export interface SubscriptionOptions extends SlotOverrides {
  /**
   * Names of the topics, and regular expressions (in a file `"/^orders-/"`), which find topics that come later, too.
   * Subscriptions of one group share no topic.
   */
  topics?: readonly (string | RegExp)[] | undefined
  /**
   * In the place of `topics`: partitions that are consumed without being a member of a group, dealt to the slots of the
   * subscription (docs/assign.md). Their offsets are stored in `groupId`, which must have no members.
   *
   * @example [{ topic: 'orders', partitions: [0, 1, 2] }]
   */
  assign?: readonly AssignedTopic[] | undefined
  /**
   * Module of the handler, which every thread imports: a file URL or a path (from the working directory).
   *
   * @example new URL('./handler.mjs', import.meta.url)
   */
  handler: URL | string
  /** Number of slots of this subscription. @default `workers` of the pool, else its share of the cores */
  workers?: number | WorkersRange | undefined
}

/** How few and how many slots a subscription has: they come with the work that waits, and go when there is little. */
export interface WorkersRange {
  /** From 1. So many are there at the start. */
  min: number
  /** Up to 1,024. Never more than work can be shared among, which is one for each partition. */
  max: number
}

/** When slots come and go by themselves, with `workers: { min, max }`. */
export interface ScalingOptions {
  /** Milliseconds that what waits may take to be handled before slots are added. @default 30_000 */
  catchUpMs?: number | undefined
  /** Milliseconds for which fewer slots must have been enough before some are removed. @default 120_000 */
  quietMs?: number | undefined
}

/**
 * When a slot whose thread crashed is started again. A crash bore fruit if its thread had finished a message, and no
 * message was in flight that had killed a thread before.
 */
export interface RestartOptions {
  /** Milliseconds before the second restart after fruitless crashes; doubles with each. @default 1_000 */
  delayMs?: number | undefined
  /** Longest wait before a restart, in milliseconds. @default 60_000 */
  maxDelayMs?: number | undefined
  /** Milliseconds without a crash after which the earlier ones are forgotten; a hang does not count. @default 120_000 */
  healthyAfterMs?: number | undefined
  /** After how many fruitless crashes in a row the slot is parked. @default 8 */
  maxRestarts?: number | undefined
  /**
   * With more than this of all slots together within `windowMs` the pool escalates. At least `maxRestarts`.
   *
   * @default `maxRestarts` for each slot, at least 10, and no more than can be within `windowMs`
   */
  maxPoolRestarts?: number | undefined
  /** The time over which those of the pool are counted, in milliseconds. @default 300_000 */
  windowMs?: number | undefined
  /** Milliseconds after which a parked slot is tried again, at least 1,000; doubles up to ten minutes. @default 60_000 */
  probeMs?: number | undefined
}

/** Memory of each thread, with Node's names. */
export interface ResourceLimitOptions {
  /** Heap in MB, at least 32. A thread that needs more is ended and replaced. @default three quarters of the memory, shared by the slots, from 128 to 2048 */
  maxOldGenerationSizeMb?: number | undefined
  /** Heap for young objects in MB, at least 1. */
  maxYoungGenerationSizeMb?: number | undefined
  /** Memory for generated code in MB, at least 1. */
  codeRangeSizeMb?: number | undefined
  /** Stack in MB, from 0.5 to 1024. */
  stackSizeMb?: number | undefined
}

/** The admin server (docs/admin.md). */
export interface AdminOptions {
  /** 0 is any that is free: `pool.adminAddress` names it. @default 9464 */
  port?: number | undefined
  /** Address at which it listens. One that other machines can reach takes a `token`. @default '127.0.0.1' */
  host?: string | undefined
  /** What requests have to bring (`Authorization: Bearer <token>`), 16 characters at least. @default none */
  token?: string | undefined
}

/** Options of the pool as a whole. */
export interface PoolOptions {
  /** Milliseconds between two commits of finished offsets. @default 1_000 */
  commitIntervalMs?: number | undefined
  /** Milliseconds that `stop()` waits for the messages in flight before their threads are ended. A stop takes `drainTimeoutMs` + 3 s at most; let that be below the time after which a service manager kills (Kubernetes: 30 s). @default 25_000 */
  drainTimeoutMs?: number | undefined
  /** Milliseconds, at least 1,000, that a thread may take to load its handler's module, from its boot, and to set it up. @default 60_000 */
  loadTimeoutMs?: number | undefined
  /** Milliseconds, at least 1,000, that an ended thread may take to die before its slot goes on without it. @default 10_000 */
  terminateTimeoutMs?: number | undefined
  /**
   * What a slot is filled with: a thread of the process, or a child process with a thread in it, whose crash (a segmentation
   * fault, an allocation at which V8 gives up) ends nothing else.
   *
   * @default 'thread'
   */
  isolation?: 'thread' | 'process' | undefined
  /**
   * How a slot goes on after a crash: with the same membership, unnoticed by the group (`handover`), or as a new
   * member, whose client id the broker shows at once (`rejoin`).
   *
   * @default 'handover'
   */
  recovery?: 'handover' | 'rejoin' | undefined
  /** Which members leave the group at stop, instead of being missed after the session timeout. @default 'dynamic' */
  leaveOnStop?: 'dynamic' | 'always' | 'never' | undefined
  /**
   * Modules that each thread imports, one after the other, before the handlers: an OpenTelemetry SDK, a loader, source maps.
   *
   * @default []
   * @example ['./instrumentation.js']
   */
  threadImports?: readonly string[] | undefined
  /** A folder for what has to outlive the process, so that a message which kills all of it is found out. @default none */
  stateDir?: string | undefined
  /**
   * A server for probes, status, metrics, events and orders. `true` for port 9464 of this machine alone.
   *
   * @default false
   */
  admin?: AdminOptions | boolean | undefined
  /** When slots that crashed are started again, and when the pool gives up. */
  restart?: RestartOptions | undefined
  /** When slots come and go by themselves. It takes `workers: { min, max }`. */
  scaling?: ScalingOptions | undefined
  /**
   * Memory of the whole process in MB, Buffers and child processes included, at least 64. Above it the thread that takes the most is replaced
   * between two messages, one at a time.
   *
   * @default nine tenths of the memory of the machine, or of the container
   */
  maxRssMb?: number | undefined
  /** Memory of each thread. */
  resourceLimits?: ResourceLimitOptions | undefined
}

/**
 * Options of a pool. Values are laid over each other, the more specific winning, name by name: defaults, these shared
 * options, the subscription's, then what `perSlot` returns. `undefined` never erases what another layer set.
 */
export interface ConsumerPoolOptions extends PoolOptions, ProcessingOptions {
  /** The connection to the cluster, for all subscriptions. */
  kafka?: KafkaOptions | undefined
  /** The member of the group and its fetches, for all subscriptions. */
  consumer?: ConsumerOptions | undefined
  /**
   * Number of slots of each subscription that does not say otherwise. `pool.scale(n)` changes it while the pool runs;
   * `{ min, max }` has the pool change it by itself.
   *
   * @default one for each core that the machine or container grants, shared by the subscriptions that name none
   */
  workers?: number | WorkersRange | undefined
  /** What to consume. Subscriptions may share a group, with different topics. */
  subscriptions?: readonly SubscriptionOptions[] | undefined
  /** With `handler`, short for one subscription. */
  topics?: readonly (string | RegExp)[] | undefined
  /** In the place of `topics`. With `handler`, short for one subscription. */
  assign?: readonly AssignedTopic[] | undefined
  /** With `topics` or `assign`, short for one subscription. */
  handler?: URL | string | undefined
  /** Called once for each slot, numbered from 0 through all subscriptions, for what that slot has different. */
  perSlot?: ((slot: number) => SlotOverrides | undefined) | undefined
  /** A pino logger, or options for one. */
  logger?: Logger | LoggerOptions | undefined
}
