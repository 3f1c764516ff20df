import type { ConsumerPoolOptions } from '#src/index.js'
import type { AskProcess } from '../../support/pool/process-client.js'

/** What runs the pool of a member: a process, or a command that starts one again and again. */
export interface Host {
  /** Of the process of the pool; -1 while there is none. */
  readonly pid: number
  /** The pool of that process has started. */
  readonly isStarted: boolean
  /** Resolves with the exit code or the signal of what a service manager would have started. */
  readonly exited: Promise<number | string>
  /** Of the process of the pool; rejects when that ends before it has answered. */
  readonly ask: AskProcess
  /** Resolves when a pool has started for the first time. */
  start(): Promise<void>
  /** Sends SIGTERM to what a service manager would send it to. */
  terminate(): void
  /** Sends SIGKILL to all that must not start anything anew. */
  kill(): void
}

/** Where what is told of a member goes to. */
export interface HostOptions {
  readonly name: string
  readonly pool: ConsumerPoolOptions
  /** Path of a file of its own. */
  readonly file: (kind: string) => string
  readonly env: NodeJS.ProcessEnv
}
