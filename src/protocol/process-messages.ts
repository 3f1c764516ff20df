import type { MessagePort, ResourceLimits } from 'node:worker_threads'
import type { ErrorData } from './error-data.js'
import type { FromThread, SlotTask, ThreadData, ToThread } from './messages.js'

/*
 * What the main thread says to a child process with a thread, and what comes back. The child's own main thread runs no user
 * code: it hands messages on, and does on the memory that it shares with the thread what main has done on its own. So main's
 * word reaches the thread also while a handler blocks it.
 */

/** What main writes into the ledger. */
export type LedgerWord =
  | { readonly type: 'raise'; readonly bits: number }
  | { readonly type: 'clear'; readonly bits: number }
  | { readonly type: 'lease'; readonly untilMs: number; readonly aheadMs: number }
  | { readonly type: 'looked'; readonly frozenForMs: number; readonly dueMs: number }

/** What main writes on a page. */
export type PageWord =
  | { readonly type: 'revoke'; readonly index: number }
  | { readonly type: 'end'; readonly index: number; readonly end: bigint }

/**
 * The first word to the thread of a child. All others go over that port, or over that of a task: `parentPort` is for whatever
 * the handler, or what it uses, takes it for.
 */
export interface HostedBoot {
  readonly entry: string
  readonly port: MessagePort
}

/** What the child says to its thread, beside what goes over the port of a task, and what comes back. */
export interface ToHosted {
  readonly id: number
  readonly task: SlotTask
}
export type FromHosted = Extract<FromProcess, { type: 'booted' | 'returned' | 'rejected' }>

/** The task without what only a thread of the same process can be given. */
export type ProcessTask = Omit<SlotTask, 'ledger' | 'port' | 'file'>

export type ToProcess =
  /** Begin a thread. Answered by `booted`. */
  | {
      readonly type: 'boot'
      /** Module whose default export takes a {@link SlotTask}, as a URL. */
      readonly entry: string
      readonly data: ThreadData
      readonly resourceLimits: ResourceLimits
    }
  /** Fill a slot. Answered by `returned` or `rejected`. */
  | {
      readonly type: 'task'
      /** Another one for each task that the process gets. */
      readonly id: number
      readonly task: ProcessTask
      readonly rows: number
      /** Where the notes of the ledger are in the file. */
      readonly at: number
    }
  /** For the thread. The memory of a page is copied, and it is told where the notes of the page are. */
  | { readonly type: 'say'; readonly message: Exclude<ToThread, { type: 'assign' }> }
  | {
      readonly type: 'assign'
      readonly message: Omit<Extract<ToThread, { type: 'assign' }>, 'page' | 'at'>
      readonly page: Uint8Array
      /** Null for a page of no partitions. */
      readonly at: number | null
    }
  | { readonly type: 'ledger'; readonly word: LedgerWord }
  /** Pages are known by the place of their notes. */
  | { readonly type: 'page'; readonly at: number; readonly word: PageWord }

export type FromProcess =
  /** The thread can be given a task. */
  | { readonly type: 'booted' }
  | { readonly type: 'said'; readonly id: number; readonly message: FromThread }
  /** What the task came to. */
  | { readonly type: 'returned'; readonly id: number; readonly value: unknown }
  | { readonly type: 'rejected'; readonly id: number; readonly reason: unknown }
  /** The thread's `error` event. */
  | { readonly type: 'threw'; readonly error: ErrorData }
  /** The thread's `exit` event. The process ends. */
  | { readonly type: 'ended'; readonly exitCode: number }
