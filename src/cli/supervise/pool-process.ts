import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
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

/** Starts this command in a process of its own, with the same input and output, and the same options of Node. */
export const startPoolProcess = (args: readonly string[], hear: (message: FromPool) => void): PoolProcess => {
  const child = fork(MAIN, [...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  child.on('message', (message) => hear(message as FromPool))
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    // Also when it could not be killed, or sent something: only one that never was has no exit.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })
  return {
    pid: child.pid,
    exited,
    send: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
