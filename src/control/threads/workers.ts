import type { Readable } from 'node:stream'
import type { Ledger } from '../../protocol/ledger.js'
import type { FromThread, SlotTask, ToThread } from '../../protocol/messages.js'

/**
 * A thread that fills slots, one after the other: Node's `Worker`, or a child process with one. Its `exit` event has an exit
 * code and, when a signal ended the process, that signal; what is thrown and not caught comes as `error` before.
 */
export interface PoolWorker extends NodeJS.EventEmitter {
  /** Node's number of the thread, or the id of its process. */
  readonly threadId: number
  readonly stdout: Readable
  readonly stderr: Readable
  /** Bytes of memory that a process of its own takes; undefined when it has none, or that is not known. */
  readonly rss?: number | undefined
  /** For how long a process of its own has had the CPU, in ms; undefined when it has none, or that is not known. */
  readonly cpuMs?: number | undefined
  /** Node's own, of a thread of this process. */
  readonly performance?: { eventLoopUtilization(): { readonly active: number } }
  /** Kills it; `exit` comes later. */
  terminate(): unknown
  /** It keeps the process no longer. */
  unref(): void
}

/** What is the same for every way to give a task to a worker. */
export type Duty = Omit<SlotTask, 'ledger' | 'port' | 'file'>

/** How main and the thread of one incarnation speak to each other. */
export interface Line {
  readonly ledger: Ledger
  /** Gives the task to a worker. @returns what it comes to; rejects when it is aborted, which kills the worker */
  begin(worker: PoolWorker, duty: Duty, signal: AbortSignal): Promise<unknown>
  /** No worker will get it. */
  withdraw(): void
  /** Says something. What is said before the beginning waits for it; what is said after the end is dropped. */
  send(message: ToThread): void
  /** Calls `hear` with what the thread says; that keeps no process. */
  listen(hear: (message: FromThread) => void): void
  /** Hands over what the thread has said before its end, and what it has written; then nothing any more. */
  close(): void
}

/** The workers of a pool. */
export interface Workers {
  /** Those that live, booted or not. */
  readonly all: readonly PoolWorker[]
  /**
   * Boots one more.
   *
   * @throws what the system says when it gives none
   */
  boot(): void
  /** @param concurrency how many handlers may be in flight at once */
  line(concurrency: number): Line
  /** Kills all, and waits without a bound for each to exit. */
  destroy(): Promise<void>
}
