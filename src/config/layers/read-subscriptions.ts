import type { FixedPartition } from '../fixed-partitions.js'
import { type Issues, pathTo, shown } from '../issues.js'
import type { WorkersConfig } from '../resolved.js'
import { readAssign } from '../rules/assign.js'
import { readTopics, type TopicChoice } from '../rules/topics.js'
import type { Layer } from './layer.js'
import { handlerUrl } from './module-specifier.js'
import { checkNames, type Fields, layerNames, readLayer } from './option-layer.js'
import { isPlainObject } from './read-layer.js'

/** What one subscription consumes. */
interface Consumed extends TopicChoice {
  /** Its partitions where they are fixed; null where its group shares them. */
  readonly fixed: readonly FixedPartition[] | null
}

/** One subscription as the user wrote it, checked. */
export interface Subscription extends Consumed {
  /** File URL of the handler's module. */
  readonly handler: string
  /** Its own number of slots, if it has one. */
  readonly workers: WorkersConfig | undefined
  readonly layer: Layer
}

/** The names that may stand in a subscription. */
export const subscriptionNames: readonly string[] = ['topics', 'assign', 'handler', 'workers', ...layerNames]

/** Beyond it a number of threads is a slip of the finger, not a wish. */
export const MAX_WORKERS = 1_024

const fixed = (workers: number): WorkersConfig => ({ min: workers, max: workers })

const isNumberOfWorkers = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_WORKERS

const EXPECTED = `expected a whole number from 1 to ${MAX_WORKERS}`

/** A number of slots, or the least and the most there may be; `undefined` when none is given. */
export const readWorkers = (value: unknown, path: string, issues: Issues): WorkersConfig | undefined => {
  if (value === undefined) return undefined
  if (isNumberOfWorkers(value)) return fixed(value)
  if (!isPlainObject(value)) {
    issues.add(path, `${EXPECTED}, or { min, max }, got ${shown(value)}`)
    return fixed(1)
  }
  checkNames(value, ['min', 'max'], path, issues)
  const { min, max } = value
  for (const [name, one] of Object.entries({ min, max })) {
    if (!isNumberOfWorkers(one)) issues.add(pathTo(path, name), `${EXPECTED}, got ${shown(one)}`)
  }
  if (!isNumberOfWorkers(min) || !isNumberOfWorkers(max)) return fixed(1)
  if (min <= max) return { min, max }
  issues.add(path, `min (${min}) must not be above max (${max})`)
  return fixed(1)
}

const readHandler = (value: unknown, path: string, issues: Issues): string => {
  const url = handlerUrl(value)
  if (url !== undefined) return url
  const advice = 'new URL("./handler.mjs", import.meta.url), a file: URL or a path'
  if (value === undefined) issues.add(path, `is missing. Name the handler's module: ${advice}`)
  else if (typeof value === 'function') {
    issues.add(
      path,
      `is a function, which cannot be sent to a thread. Export it from a module and name that: ${advice}`,
    )
  } else issues.add(path, `expected the module of the handler (${advice}), got ${shown(value)}`)
  return ''
}

/** In the place of subscriptions that are missing or none, so that what else is missing is named with them. */
export const PLACEHOLDER: Subscription = {
  ...{ topics: [], patterns: [], fixed: null },
  ...{ handler: '', workers: fixed(1), layer: new Map() },
}

/** Topics, or fixed partitions. */
const readConsumed = ({ topics, assign }: Fields, path: string, issues: Issues): Consumed => {
  if (assign === undefined) return { ...readTopics(topics, pathTo(path, 'topics'), issues), fixed: null }
  if (topics !== undefined) {
    issues.add(
      pathTo(path, 'topics'),
      'stands beside assign, which names topics with the partitions to consume of them. Keep one of the two',
    )
  }
  const partitions = readAssign(assign, pathTo(path, 'assign'), issues)
  return { topics: [...new Set(partitions.map(({ topic }) => topic))], patterns: [], fixed: partitions }
}

const readSubscription = (value: unknown, path: string, issues: Issues): Subscription => {
  if (!isPlainObject(value)) {
    issues.add(path, `expected an object with topics (or assign) and handler, got ${shown(value)}`)
    return PLACEHOLDER
  }
  checkNames(value, subscriptionNames, path, issues)
  return {
    ...readConsumed(value, path, issues),
    handler: readHandler(value.handler, pathTo(path, 'handler'), issues),
    workers: readWorkers(value.workers, pathTo(path, 'workers'), issues),
    layer: readLayer(value, path, 'subscription', issues),
  }
}

/** The subscriptions, or the one that `topics` and `handler` at the top are short for. */
export const readSubscriptions = (options: Fields, issues: Issues): Subscription[] => {
  const { subscriptions, topics, assign, handler } = options
  if (subscriptions === undefined) {
    if (topics === undefined && assign === undefined && handler === undefined) {
      issues.add('subscriptions', 'is missing. Give subscriptions: [{ topics, handler }], or topics and handler')
      return [PLACEHOLDER]
    }
    const [choice, module] = [readConsumed(options, '', issues), readHandler(handler, 'handler', issues)]
    return [{ ...choice, handler: module, workers: undefined, layer: new Map() }]
  }
  for (const name of ['topics', 'assign', 'handler']) {
    if (options[name] !== undefined) issues.add(name, 'is short for one subscription. Move it into subscriptions')
  }
  if (!Array.isArray(subscriptions) || subscriptions.length === 0) {
    issues.add('subscriptions', `expected a list of at least one subscription, got ${shown(subscriptions)}`)
    return [PLACEHOLDER]
  }
  return subscriptions.map((value, index) => readSubscription(value, pathTo('subscriptions', index), issues))
}
