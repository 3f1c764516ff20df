import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { within } from '../../util/within.js'
import type { FromPool, ToPool } from './messages.js'

/** How a process ended; with an error when it could not be started. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error?: Error
}

/** A process that runs the pool. */
export interface PoolProcess {
  readonly pid: number | undefined
  /** Never rejects. */
  readonly exited: Promise<Exit>
  /** Nothing happens when it is gone. */
  send(message: ToPool): void
  /** Ends it at once, whatever it is doing. */
  kill(): void
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

/** What it said before its end may come a moment after that. */
const LAST_WORDS_MS = 1_000

/** Resolves when it has ended and everything that it said was heard. */
const exitOf = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve) => {
    const silent = new Promise<void>((done) => child.once('disconnect', done))
    child.once('exit', async (code, signal) => {
      if (child.connected) await within(silent, LAST_WORDS_MS)
      resolve({ code, signal })
    })
    // Also when it could not be killed, or sent something: only one that never was has no exit.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })

/** Starts this command in a process of its own, with the same input and output, and the same options of Node. */
export const startPoolProcess = (args: readonly string[], hear: (message: FromPool) => void): PoolProcess => {
  let child: ChildProcess
  try {
    child = fork(MAIN, [...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  } catch (error) {
    // Node throws some errors of the system and tells of others later.
    const exited = Promise.resolve({ code: null, signal: null, error: error as Error })
    return { pid: undefined, exited, send: () => {}, kill: () => {} }
  }
  child.on('message', (message) => hear(message as FromPool))
  return {
    pid: child.pid,
    exited: exitOf(child),
    send: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
