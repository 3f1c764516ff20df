import type { Issues } from './issues.js'
import { atLeast, type Layer } from './layer.js'
import { RELEASE_MS } from './own-times.js'

/** A limit that one option sets for another. */
interface Rule {
  readonly leaf: string
  readonly limitedBy: string
  /** Of both. @default 'ms' */
  readonly unit?: '' | 'bytes'
  readonly holds: (value: number, limit: number) => boolean
  /** Follows the name and the value; what to do. */
  readonly fault: (value: number, limit: number) => string
}

const quantity = (value: number, unit: Rule['unit'] = undefined): string => `${value} ${unit ?? 'ms'}`.trimEnd()

const name = (leaf: string): string => leaf.slice(leaf.indexOf('.') + 1)

const notAbove = (leaf: string, limitedBy: string, reason = '', unit: Rule['unit'] = undefined): Rule => ({
  leaf,
  limitedBy,
  ...(unit === undefined ? {} : { unit }),
  holds: (value, limit) => value <= limit,
  fault: (_, limit) =>
    `must not be above ${name(limitedBy)} (${quantity(limit, unit)})${reason}. Lower it, or raise ${name(limitedBy)}`,
})

const below = (leaf: string, limitedBy: string, reason: string): Rule => ({
  leaf,
  limitedBy,
  holds: (value, limit) => value < limit,
  fault: (_, limit) =>
    `must be below ${name(limitedBy)} (${limit} ms), ${reason}. Lower it, or raise ${name(limitedBy)}`,
})

/** Rules for one slot. */
const slotRules: readonly Rule[] = [
  {
    // Java demands "lower than the session timeout" and advises "no higher than 1/3"; a pool that outlives a lost
    // heartbeat or two needs the advice.
    leaf: 'consumer.heartbeatInterval',
    limitedBy: 'consumer.sessionTimeout',
    holds: (value, limit) => value * 3 <= limit,
    fault: (value, limit) =>
      `must be at most a third of sessionTimeout (${limit} ms), so that a lost heartbeat does not end the membership. Lower it to ${Math.floor(limit / 3)}, or raise sessionTimeout to ${value * 3}`,
  },
  {
    leaf: 'consumer.heartbeatInterval',
    limitedBy: 'consumer.rebalanceTimeout',
    holds: (value, limit) => value + RELEASE_MS <= limit,
    fault: (value, limit) => {
      const lower = limit > RELEASE_MS ? `Lower it to ${limit - RELEASE_MS}, or raise` : 'Raise'
      return `must be below rebalanceTimeout (${limit} ms) by the ${RELEASE_MS} ms that a member may take until it joins again: it hears of a rebalance with its next heartbeat, lets its handlers come back and commits, and is expelled when the rebalance is over by then. ${lower} rebalanceTimeout to ${value + RELEASE_MS}`
    },
  },
  below('consumer.maxWaitTimeInMs', 'consumer.sessionTimeout', 'or an idle fetch outlasts the session'),
  below('consumer.maxWaitTimeInMs', 'kafka.requestTimeout', 'or every idle fetch times out'),
  notAbove('kafka.retry.initialRetryTime', 'kafka.retry.maxRetryTime'),
  notAbove('processing.retry.initialDelayMs', 'processing.retry.maxDelayMs'),
  notAbove('processing.retry.initialPauseMs', 'processing.retry.maxPauseMs'),
]

/** Rules for the pool. */
const poolRules: readonly Rule[] = [
  notAbove('pool.restart.delayMs', 'pool.restart.maxDelayMs'),
  notAbove(
    'pool.restart.maxRestarts',
    'pool.restart.maxPoolRestarts',
    ', or a single slot makes the whole pool give up before it is parked',
    '',
  ),
]

const check = (rules: readonly Rule[], layer: Layer, issues: Issues): void => {
  for (const { leaf, limitedBy, unit, holds, fault } of rules) {
    const value = layer.get(leaf)
    const limit = layer.get(limitedBy)
    if (typeof value?.value !== 'number' || typeof limit?.value !== 'number') continue
    if (issues.isFaulty(leaf) || issues.isFaulty(limitedBy) || holds(value.value, limit.value)) continue
    // The one that was set in the more specific layer is the one that broke the rule.
    const blamed = atLeast(value.rank, limit.rank) ? value : limit
    const subject = `${name(leaf)} (${quantity(value.value, unit)})`
    issues.add(blamed.from, `${subject} ${fault(value.value, limit.value)}`)
  }
}

/** Checks what options of one slot demand of each other. */
export const checkSlotRules = (layer: Layer, issues: Issues): void => check(slotRules, layer, issues)

/** Checks what options of the pool demand of each other. */
export const checkPoolRules = (layer: Layer, issues: Issues): void => check(poolRules, layer, issues)
