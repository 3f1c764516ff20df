import type { SlotConfig } from '../config/resolved.js'
import type { ClusterView, TopicPartition } from '../kafka/metadata.js'
import type { KnownLeader } from '../kafka/partition-leaders.js'
import type { RawMessage } from '../kafka/raw-message.js'
import type { ErrorData } from './error-data.js'
import type { DeadLetterReason, EffectiveConfig, FailureOutcome, ResetReason } from './reports.js'

/*
 * What the main thread and a worker thread say to each other, over one MessagePort per incarnation (so a message of an
 * older incarnation has no way to arrive). What must reach a thread whose event loop is blocked by a handler goes
 * through the ledger instead.
 */

/** Piscina's `workerData`: what a thread is told at its birth, before it fills any slot. */
export interface ThreadData {
  /** Modules to load before the handlers, one after the other (option `threadImports`). @default none */
  readonly imports?: readonly string[]
  /** How long each of them may take. @default 60_000 */
  readonly loadTimeoutMs?: number
  /** URLs of the handler modules to load at once, so that a spare is warm. */
  readonly handlers: readonly string[]
  /** How long the boot waits for them. */
  readonly importWaitMs: number
  /** What limits the thread's heap, in MB; what V8 says if that is not known. */
  readonly heapMb?: number | undefined
  /** What it rehearses with, while no slot asks; it rehearses nothing without. */
  readonly rehearsal?: SlotConfig | undefined
}

/**
 * The task with which a thread begins to fill a slot (the argument of Piscina's `run`).
 *
 * When the thread cannot fill it (`KCP_HANDLER_NOT_FOUND`, `KCP_HANDLER_THREW_ON_IMPORT`, `KCP_HANDLER_NOT_A_FUNCTION`,
 * `KCP_HANDLER_SETUP_FAILED`, `KCP_START_TIMED_OUT`, `KCP_KAFKAJS_MISMATCH`, `KCP_INTERNAL`), `run` rejects with an {@link ErrorData} record instead of an `Error`, because
 * cloning an error to another thread loses its `code`. A thread that dies makes `run` reject with an `Error` of Node's or
 * Piscina's. `fromErrorData(toErrorData(rejection))` gives the right error for both.
 */
export interface SlotTask {
  readonly slot: number
  readonly incarnation: number
  /** `client.id` of the thread's client, made for this incarnation. */
  readonly clientId: string
  readonly config: SlotConfig
  /** What main knows of the brokers and of the slot's topics, so that the thread need not ask before its first Fetch. */
  readonly view: ClusterView
  /** How long `setup` and `teardown` of the handler's module may take. */
  readonly setupTimeoutMs: number
  readonly teardownTimeoutMs: number
  /** Pino level name below which the thread need not send log lines. */
  readonly logLevel: string
  /** Null without `stateDir`. @default null */
  readonly journal?: JournalTask | null
  /** {@link Ledger} of this incarnation. */
  readonly ledger: SharedArrayBuffer
  readonly port: import('node:worker_threads').MessagePort
  /** In a process of its own: the file in which the thread notes what it says in ledger and pages, and where the ledger's notes are. */
  readonly file?: { readonly fd: number; readonly at: number }
}

/** How a thread writes down what is about to be handled, see `journal.ts`. */
export interface JournalTask {
  readonly file: string
  /** Before that moment (monotonic) it does so with every message, after that with suspects. */
  readonly carefulUntilMs: number
}

/** What Piscina's `run` resolves with when a thread was asked to stop and did. */
export const STOPPED = 'stopped'

export interface AssignedPartition {
  /** Number of the partition within the slot: unique over all incarnations and assignments. */
  readonly id: number
  readonly topic: string
  readonly partition: number
  /** Place on the page that came with it. */
  readonly index: number
  /** First offset to handle. */
  readonly offset: string
  /** Leader epoch that belongs to it. @default NO_EPOCH */
  readonly leaderEpoch?: number
  /** Size of the partition's record batches as the thread before this one saw them. @default 0 */
  readonly batchBytes?: number
  /** The message at which it stood still, and how often that was tried. It is tried once now. */
  readonly exhausted?: { readonly offset: string; readonly attempts: number }
  /** The message that was in flight when a thread died: it is handled while nothing else is in flight. */
  readonly suspect?: { readonly offset: string }
  /** The message that is handled no more: it is given up for that error, or the partition stands still before it. */
  readonly convicted?: { readonly offset: string; readonly deaths: number; readonly error: ErrorData }
  /** Up to this offset its batches are decoded in small pieces: one of them, or what came of it, has killed a thread. */
  readonly piecesUpTo?: string
  /** No batch that begins there or later is decoded: the partition stands still before it. */
  readonly stopsAt?: string
  /** The message that had failed when the thread before this one came to its end, and how often: it goes on from there. */
  readonly failed?: { readonly offset: string; readonly attempts: number }
}

/** A leader that a partition was fetched from last. */
export type LostLeader = TopicPartition & KnownLeader

export type ToThread =
  /** Take these partitions up, drop those. Answered by `done`. Partitions named in neither list stay as they are. */
  | {
      readonly type: 'assign'
      readonly requestId: number
      readonly page: SharedArrayBuffer
      /** In a process of its own: where the page's notes are in the file. */
      readonly at?: number
      readonly added: readonly AssignedPartition[]
      readonly removed: readonly number[]
    }
  /** Main raised `Control.rebalance` or `Control.stop`: answer `done` as soon as no handler is in flight. */
  | { readonly type: 'quiesce'; readonly requestId: number }
  /**
   * These partitions will be taken away: start no message of theirs any more, and answer `done` as soon as none of their
   * handlers is in flight. What those finish counts.
   */
  | { readonly type: 'revoke'; readonly requestId: number; readonly partitionIds: readonly number[] }
  /**
   * Answer `done` as soon as no handler of these partitions is in flight that is now, also of what was taken away meanwhile.
   * Nothing of them begins any more: main has said so before. No partitions: all of the topic.
   */
  | {
      readonly type: 'still'
      readonly requestId: number
      readonly topic: string
      readonly partitions: readonly number[] | null
    }
  /** Main cleared `Control.rebalance`: go on. */
  | { readonly type: 'go-on' }
  /** What main has just heard of topics that some thread has lost a leader of. */
  | { readonly type: 'leaders'; readonly view: ClusterView }
  /** The level of the log was changed: see `SlotTask`. */
  | { readonly type: 'log-level'; readonly logLevel: string }
  /**
   * Answer to a dead letter. `stored`: its message is finished. `standstill`: not yet, so the thread lets go of the
   * partition, as it does of one that is `paused`; main assigns it anew.
   */
  | { readonly type: 'dead-letter'; readonly partitionId: number; readonly outcome: 'stored' | 'standstill' }
  /** Close the client and return. */
  | { readonly type: 'stop' }

export type FromThread =
  /** The handler is loaded and set up; connecting may still take as long as the brokers are away. */
  | { readonly type: 'loaded' }
  /** The client is connected. */
  | { readonly type: 'ready'; readonly threadId: number; readonly effective: EffectiveConfig }
  /** Answer to the request of that id. */
  | { readonly type: 'done'; readonly requestId: number }
  /** An attempt failed. `retryInMs` is null when it was the last one. */
  | {
      readonly type: 'failed'
      readonly partitionId: number
      readonly offset: string
      readonly attempt: number
      readonly error: ErrorData
      readonly retryInMs: number | null
      readonly outcome: FailureOutcome
    }
  /** The message was given up. Its partition waits until main has stored it, and answers; the handler's lane is free. */
  | {
      readonly type: 'dead-letter'
      readonly partitionId: number
      readonly offset: string
      readonly attempt: number
      readonly reason: DeadLetterReason
      readonly error: ErrorData
      readonly message: RawMessage
      /** Nothing was finished since the last dead letter of the partition. */
      readonly follows: boolean
    }
  /** The partition stands still: its next batch cannot be read. Main assigns it anew when that is to be tried again. */
  | {
      readonly type: 'partition-paused'
      readonly partitionId: number
      readonly offset: string
      readonly error: ErrorData
    }
  /** These leaders lead no more, or do not answer: main looks for others, and so does the thread. */
  | { readonly type: 'leaders-lost'; readonly partitions: readonly LostLeader[] }
  /** The offset to fetch was not on the broker any more, or the log was cut off before it; another was chosen. */
  | {
      readonly type: 'offset-reset'
      readonly partitionId: number
      readonly from: string
      readonly to: string
      readonly reason: ResetReason
    }
  /** The heap of the thread has become full, or brimful: look at the ledger. */
  | { readonly type: 'heap-full' }
  /** One line of pino JSON from the thread's logger. */
  | { readonly type: 'log'; readonly line: string }

/** What a thread says of a partition that it has. */
export type PartitionReport = Exclude<Extract<FromThread, { partitionId: number }>, { type: 'dead-letter' }>
