import { isPlainObject } from '../config/layers/read-layer.js'
import type { AssignedTopic, WorkersRange } from '../config/options.js'
import type { AdminFlag } from './admin-flag.js'
import { type Fields, overlay } from './overlay.js'
import { leafSetting, readSetting, type Setting } from './setting.js'
import { UsageError } from './usage-error.js'

/** The options of `run` as commander hands them over. */
export interface RunFlags {
  readonly handler?: string
  readonly brokers?: readonly string[]
  readonly topic?: readonly string[]
  readonly assign?: readonly AssignedTopic[]
  readonly group?: string
  readonly workers?: number | WorkersRange
  readonly clientId?: string
  readonly groupInstanceId?: string
  readonly fromBeginning?: boolean
  readonly concurrency?: number
  readonly assignor?: readonly string[]
  readonly isolation?: string
  readonly admin?: AdminFlag | true
  readonly set?: readonly string[]
  readonly config?: string
  readonly logLevel?: string
}

const adminSettings = (admin: RunFlags['admin']) =>
  admin === undefined || admin === true
    ? []
    : ([
        ['pool.admin.port', admin.port],
        ['pool.admin.host', admin.host ?? undefined],
      ] as const)

const flagSettings = (flags: RunFlags): Setting[] =>
  (
    [
      ['kafka.brokers', flags.brokers],
      ['kafka.clientId', flags.clientId],
      ['consumer.groupId', flags.group],
      ['consumer.groupInstanceId', flags.groupInstanceId],
      ['processing.fromBeginning', flags.fromBeginning],
      ['processing.concurrency', flags.concurrency],
      ['processing.assignors', flags.assignor],
      ['pool.isolation', flags.isolation],
      ...adminSettings(flags.admin),
    ] as const
  ).flatMap(([path, value]) => (value === undefined ? [] : [leafSetting(path, value)]))

/** Every subscription gets that many slots, whatever the file says of it. */
const withWorkers = (options: Fields, workers: number | WorkersRange): Fields => {
  const { subscriptions } = options
  if (!Array.isArray(subscriptions)) return { ...options, workers }
  const without = subscriptions.map((item) => {
    if (!isPlainObject(item)) return item
    const { workers: _, ...rest } = item
    return rest
  })
  return { ...options, workers, subscriptions: without }
}

/** The admin server is on, and where the file says. */
const withAdmin = (options: Fields): Fields => (isPlainObject(options.admin) ? options : { ...options, admin: true })

/** Topics and handler of the one subscription there is. */
const withSubscription = (options: Fields, named: Fields): Fields => {
  const { subscriptions } = options
  if (!Array.isArray(subscriptions)) return { ...options, ...named }
  const [only, ...others] = subscriptions
  if (others.length > 0 || !isPlainObject(only)) {
    throw new UsageError(
      '--topic, --assign and --handler stand for one subscription, but the configuration file has several: change them there',
    )
  }
  return { ...options, subscriptions: [{ ...only, ...named }] }
}

const requireFlags = (options: Fields, settings: readonly Setting[]): void => {
  const set = new Set(settings.flatMap(({ leaves }) => leaves))
  const missing = [
    ...(options.handler === undefined ? ['--handler'] : []),
    ...(set.has('kafka.brokers') ? [] : ['--brokers']),
    ...(options.topics === undefined && options.assign === undefined ? ['--topic'] : []),
    ...(set.has('consumer.groupId') ? [] : ['--group']),
  ]
  if (missing.length === 0) return
  throw new UsageError(
    `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing, and no configuration file was found: kafka-consumer-pool.config.json, .js, .mjs, .cjs, .ts or .mts, here or above, or --config`,
  )
}

/**
 * The options of the pool: those of the configuration file, with the command line's laid over them. Whether they make
 * sense is for the pool to say; here only what cannot be understood as a command is refused.
 *
 * @param file what the configuration file holds, or null when there is none
 * @throws UsageError
 */
export const poolOptions = (flags: RunFlags, file: Fields | null): Fields => {
  const settings = [...flagSettings(flags), ...(flags.set ?? []).map(readSetting)]
  const { handler, topic: topics, assign, workers } = flags
  const consumed = Object.entries({ topics, assign }).filter(([, value]) => value !== undefined)
  // What the file says of the other one counts no more.
  const named = {
    ...(consumed.length === 0 ? {} : { topics: undefined, assign: undefined, ...Object.fromEntries(consumed) }),
    ...(handler === undefined ? {} : { handler }),
  }
  const subscribed = Object.keys(named).length === 0 ? (file ?? {}) : withSubscription(file ?? {}, named)
  const staffed = workers === undefined ? subscribed : withWorkers(subscribed, workers)
  const options = overlay(flags.admin === true ? withAdmin(staffed) : staffed, settings)
  if (file === null) requireFlags(options, settings)
  return options
}
