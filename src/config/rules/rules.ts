import type { Issues } from '../issues.js'
import { atLeast, type Layer, type Setting } from '../layers/layer.js'
import { sumOfDoubling } from './doubling.js'
import { A_DAY_MS, RELEASE_MS } from './own-times.js'
import { pausesBeforeParkingMs } from './restart-limits.js'

/*
 * What options demand of each other. `test/support/config/limits-model.ts` holds what they are for against the code that acts on
 * them; docs/configuration.md lists them.
 */

/** A limit that options set for each other. */
export interface Rule {
  /** Paths. The rule holds as long as one of them is not set. */
  readonly leaves: readonly string[]
  /** What must be so and why, in Markdown, for the documentation. */
  readonly note: string
  /** Follows the first name and value: what is wrong and what to do. Null when nothing is. */
  readonly fault: (...values: readonly number[]) => string | null
}

const optionName = (leaf: string): string => leaf.slice(leaf.indexOf('.') + 1)

const unitOf = (leaf: string): string => {
  if (/bytes/i.test(leaf)) return ' bytes'
  return /(?:attempts|restarts|retries)$/i.test(leaf) ? '' : ' ms'
}

const named = (leaf: string, value: number): string => `${optionName(leaf)} (${value}${unitOf(leaf)})`

const comparing =
  (relation: string, holds: (value: number, limit: number) => boolean) =>
  (leaf: string, limit: string, reason: string): Rule => ({
    leaves: [leaf, limit],
    note: `${relation} \`${optionName(limit)}\`, ${reason}`,
    fault: (value = 0, most = 0) =>
      holds(value, most)
        ? null
        : `must ${relation === 'below' ? 'be below' : 'not be above'} ${named(limit, most)}, ${reason}. Lower it, or raise ${optionName(limit)}`,
  })

const notAbove = comparing('at most', (value, limit) => value <= limit)
const below = comparing('below', (value, limit) => value < limit)

const inDays = (ms: number): string => `${Math.ceil(ms / A_DAY_MS)} days`

/** Rules for one slot. */
export const slotRules: readonly Rule[] = [
  {
    // Java demands "lower than the session timeout" and advises "no higher than 1/3"; a pool that outlives a lost
    // heartbeat or two needs the advice.
    leaves: ['consumer.heartbeatInterval', 'consumer.sessionTimeout'],
    note: 'at most a third of `sessionTimeout`, so that a lost heartbeat does not end the membership',
    fault: (value = 0, limit = 0) => {
      if (value * 3 <= limit) return null
      const lower = limit < 3 ? 'Raise' : `Lower it to ${Math.floor(limit / 3)}, or raise`
      return `must be at most a third of sessionTimeout (${limit} ms), so that a lost heartbeat does not end the membership. ${lower} sessionTimeout to ${value * 3}`
    },
  },
  {
    leaves: ['consumer.heartbeatInterval', 'consumer.rebalanceTimeout'],
    note: `${RELEASE_MS} ms below \`rebalanceTimeout\`: a member hears of a rebalance with its next heartbeat, lets its handlers come back and commits, and is expelled when it has not joined by then`,
    fault: (value = 0, limit = 0) => {
      if (value + RELEASE_MS <= limit) return null
      const lower = limit > RELEASE_MS ? `Lower it to ${limit - RELEASE_MS}, or raise` : 'Raise'
      return `must be below rebalanceTimeout (${limit} ms) by the ${RELEASE_MS} ms that a member may take until it joins again: it hears of a rebalance with its next heartbeat, lets its handlers come back and commits, and is expelled when the rebalance is over by then. ${lower} rebalanceTimeout to ${value + RELEASE_MS}`
    },
  },
  below('consumer.maxWaitTimeInMs', 'consumer.sessionTimeout', 'or an idle fetch outlasts the session'),
  below('consumer.maxWaitTimeInMs', 'kafka.requestTimeout', 'or every idle fetch times out'),
  below(
    'consumer.maxWaitTimeInMs',
    'pool.restart.healthyAfterMs',
    'or a thread counts as healthy before its first fetch was answered, and a slot is never parked',
  ),
  notAbove('consumer.minBytes', 'consumer.maxBytes', 'or a fetch waits for more than it may bring'),
  notAbove(
    'consumer.maxBytesPerPartition',
    'consumer.maxDecompressedBytes',
    'or a batch that may be fetched is too large to be decompressed',
  ),
  notAbove('kafka.retry.initialRetryTime', 'kafka.retry.maxRetryTime', 'which is the longest'),
  notAbove('processing.retry.initialDelayMs', 'processing.retry.maxDelayMs', 'which is the longest'),
  notAbove('processing.retry.initialPauseMs', 'processing.retry.maxPauseMs', 'which is the longest'),
  {
    leaves: ['processing.retry.attempts', 'processing.retry.maxDelayMs', 'processing.retry.initialDelayMs'],
    note: 'with the waits of `retry.maxDelayMs` a day at most: until its last attempt a message holds its partition up, and nothing escalates. A partition that stands still then is tried again by itself',
    fault: (attempts = 0, longestMs = 0, firstMs = 0) => {
      const sumMs = sumOfDoubling(firstMs, longestMs, attempts - 1)
      return sumMs <= A_DAY_MS
        ? null
        : `takes ${inDays(sumMs)} with retry.maxDelayMs (${longestMs} ms), in which the message holds its partition up and nothing escalates; a day is the most. Lower it, or lower retry.maxDelayMs: what stands still after the last attempt is tried again by itself`
    },
  },
  {
    leaves: ['processing.convictAfter', 'pool.restart.maxDelayMs', 'pool.restart.delayMs'],
    note: 'with the pauses of `restart.maxDelayMs` a day at most: until a message that kills is convicted its slot is not parked, and stands still in them',
    fault: (deaths = 0, longestMs = 0, firstMs = 0) => {
      const sumMs = pausesBeforeParkingMs(firstMs, longestMs, deaths)
      return sumMs <= A_DAY_MS
        ? null
        : `takes ${inDays(sumMs)} with restart.maxDelayMs (${longestMs} ms), in which the slot that a message kills stands still and is not parked; a day is the most. Lower it, or lower restart.maxDelayMs`
    },
  },
]

/** Rules for the pool. */
export const poolRules: readonly Rule[] = [
  notAbove('pool.restart.delayMs', 'pool.restart.maxDelayMs', 'which is the longest'),
  notAbove(
    'pool.restart.maxRestarts',
    'pool.restart.maxPoolRestarts',
    'or a single slot makes the whole pool give up before it is parked',
  ),
  {
    leaves: ['pool.restart.maxRestarts', 'pool.restart.maxDelayMs', 'pool.restart.delayMs'],
    note: 'with the pauses of `restart.maxDelayMs` a day at most: until the slot is parked its partitions stand still in them',
    fault: (maxRestarts = 0, longestMs = 0, firstMs = 0) => {
      const sumMs = pausesBeforeParkingMs(firstMs, longestMs, maxRestarts)
      return sumMs <= A_DAY_MS
        ? null
        : `takes ${inDays(sumMs)} with restart.maxDelayMs (${longestMs} ms), in which the partitions of the slot stand still and nobody else gets them; a day is the most. Lower it, or lower restart.maxDelayMs`
    },
  },
]

const check = (rules: readonly Rule[], layer: Layer, issues: Issues): void => {
  for (const { leaves, fault } of rules) {
    if (leaves.some((leaf) => issues.isFaulty(leaf))) continue
    const settings = leaves.flatMap((leaf) => layer.get(leaf) ?? [])
    const values = settings.flatMap(({ value }) => (typeof value === 'number' ? [value] : []))
    const [first, ...others] = settings
    if (first === undefined || values.length < leaves.length) continue
    const said = fault(...values)
    if (said === null) continue
    // The one that was set in the most specific layer is the one that broke the rule.
    const blamed = others.reduce<Setting>((one, other) => (atLeast(one.rank, other.rank) ? one : other), first)
    issues.add(blamed.from, `${named(leaves[0] ?? '', values[0] ?? 0)} ${said}`)
  }
}

/** Checks what options of one slot demand of each other. */
export const checkSlotRules = (layer: Layer, issues: Issues): void => check(slotRules, layer, issues)

/** Checks what options of the pool demand of each other. */
export const checkPoolRules = (layer: Layer, issues: Issues): void => check(poolRules, layer, issues)
