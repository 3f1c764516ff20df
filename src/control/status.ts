import type { ErrorData } from '../protocol/error-data.js'
import type { EffectiveConfig, PauseReason, ThreadMemory } from '../protocol/reports.js'
import type { SeatState } from './membership/seat-states.js'
import type { PoolStep } from './pool-states.js'

export type PoolState = PoolStep | 'degraded' | 'escalated'

export type SlotState = 'starting' | 'running' | 'restarting' | 'parked' | 'stopping' | 'stopped'

/** Why a partition stands still although it is assigned, and when it is tried again. */
export interface PartitionPause {
  /**
   * `exhausted`: its next message is; `unreadable`: its next batch cannot be read; `dead-letter`: it waits for its dead
   * letter, which is not stored yet; `breaker`: too many messages went to the dead-letter topic in a row; `poisoned`: its next
   * message has killed as many threads as `convictAfter` says.
   */
  readonly reason: PauseReason
  /** The message, or the start of the batch, at which it stands. */
  readonly offset: string
  /**
   * What is wrong: `KCP_HANDLER_EXHAUSTED` and `KCP_DEAD_LETTER_BREAKER` with the handler's own error as the `cause`,
   * `KCP_DEAD_LETTER_NOT_STORED` with the broker's, `KCP_MESSAGE_POISONED` with what the last thread died of, or that of the batch.
   */
  readonly error: ErrorData
  /** How often the message was tried in all, or how many threads it has killed; null for a batch that cannot be read. */
  readonly attempts: number | null
  /** How often it was tried again since it stands still, in vain. */
  readonly retries: number
  /** In how many milliseconds it is tried again; null while it is being tried, or when that takes `resume()` or a restart. */
  readonly retryInMs: number | null
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  /** What the group has stored; null when that is nothing. */
  readonly committed: string | null
  /** The lowest offset that is not finished. */
  readonly finishedUpTo: string
  /** The next offset to fetch. */
  readonly position: string
  /**
   * Messages that wait: up to the high watermark, or up to the first open transaction unless `readUncommitted` is set.
   * Null until the partition was fetched for the first time, and while it cannot be; up to ten seconds old while it stands
   * still.
   */
  readonly lag: string | null
  /** Why the partition stands still, or null. */
  readonly paused: PartitionPause | null
  /** For how long `pool.pause()` has kept it from going on, in ms; null when it does not. */
  readonly onHoldForMs: number | null
}

export interface SlotStatus {
  readonly slot: number
  readonly subscription: number
  readonly state: SlotState
  readonly incarnation: number
  readonly groupId: string
  /** `client.id` of the thread's client, or null while no thread fills the slot. */
  readonly clientId: string | null
  /** Node's number of the thread, or with `isolation: 'process'` the id of its process; null while none fills the slot. */
  readonly threadId: number | null
  readonly seat: {
    readonly state: SeatState
    /** `client.id` of the seat's own client. */
    readonly clientId: string
    readonly memberId: string
    readonly instanceId: string | null
    readonly generation: number
    readonly protocol: string
    readonly leader: boolean
  }
  readonly assignment: readonly PartitionStatus[]
  /** Messages in flight now. */
  readonly inFlight: number
  /**
   * Numbers of messages since the pool started, over all incarnations. Finished are those that were handled, skipped, or
   * stored in a dead-letter topic.
   */
  readonly finished: number
  readonly failed: number
  readonly retried: number
  /** Of those that failed, how many are stored in a dead-letter topic. */
  readonly deadLettered: number
  /** Messages whose partition went to another member while they were in flight: it handles them again, and no result counts here. */
  readonly dropped: number
  /** How often the slot's thread was replaced after a crash. */
  readonly restarts: number
  /** How often it was replaced although it worked (`slot:recycled`). */
  readonly recycles: number
  /** What its thread takes, a second old or as old as the message in flight; null until it has said so. */
  readonly memory: ThreadMemory | null
  /** The last reason for which the thread was replaced or the slot parked, or null. */
  readonly lastError: { readonly code: string; readonly message: string } | null
  /** True when messages wait in a partition and nothing has moved there for two session timeouts, or five minutes. */
  readonly stalled: boolean
  /** For what a rebalance of its group waits, in words, once that has taken five seconds; null otherwise. */
  readonly waitingFor: string | null
  /** The configuration that the thread reported it runs with, secrets masked; null until it has. */
  readonly config: EffectiveConfig | null
}

export interface PoolTotals {
  readonly finished: number
  readonly failed: number
  readonly retried: number
  readonly deadLettered: number
  readonly dropped: number
  readonly restarts: number
  readonly recycles: number
  readonly inFlight: number
  /** Sum of the lags of all partitions that the pool holds, as a string; null until each of them is known. */
  readonly lag: string | null
  /** Generations of its groups that came after the pool's start was complete. */
  readonly rebalances: number
  /** Threads that would not die and were left behind. */
  readonly lostThreads: number
}

/** How many slots a subscription has. */
export interface SubscriptionStatus {
  /** What it consumes now: those that are named, and those that regular expressions have found. */
  readonly topics: readonly string[]
  /** Those that are in their group, and are to be. */
  readonly slots: number
  /** How many there are to be: another number while slots come or go. */
  readonly wanted: number
  /** As `workers` says: equal when slots neither come nor go by themselves. */
  readonly min: number
  readonly max: number
}

export interface PoolStatus {
  /**
   * `running` only when every slot (those apart that are just being added or removed) runs as a member of its group, no partition stands still, nothing is stalled, no
   * rebalance takes longer than five seconds, and no thread has yet to do better than the one that died before it;
   * `degraded` when that is not so; `escalated` while the pool cannot heal itself.
   */
  readonly state: PoolState
  /** By number. While some are being removed, with those. */
  readonly slots: readonly SlotStatus[]
  /** In their order. */
  readonly subscriptions: readonly SubscriptionStatus[]
  readonly totals: PoolTotals
}

/** Freezes plain data all the way down; errors stay as they are. */
export const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !(value instanceof Error) && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) frozen(inner)
  }
  return value
}
