import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/*
 * A process of its own between the one that wants a broker and the brokers. It owns what must not outlive that one: the
 * child processes and the data folder. However its parent ends (stop, crash, SIGKILL), the IPC channel closes, and that
 * is the one and only order to clean up.
 */

export type ToWatchdog =
  | {
      readonly type: 'spawn'
      readonly name: string
      readonly command: string
      readonly args: readonly string[]
      readonly logFile: string
    }
  | { readonly type: 'signal'; readonly name: string; readonly signal: NodeJS.Signals }
  /** A command to run after the children are dead, such as the removal of containers. */
  | { readonly type: 'at-end'; readonly command: string; readonly args: readonly string[] }

export type FromWatchdog =
  | { readonly type: 'ready'; readonly folder: string }
  | { readonly type: 'spawned'; readonly name: string; readonly pid: number }
  | { readonly type: 'exited'; readonly name: string; readonly how: string }

const folder = mkdtempSync(join(tmpdir(), 'embedded-kafka-'))
const children = new Map<string, ChildProcess>()
const lastCommands: { command: string; args: readonly string[] }[] = []
let ending = false

const tell = (message: FromWatchdog): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const cleanUp = (): void => {
  for (const { command, args } of lastCommands) spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 })
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}

const end = (): void => {
  if (ending) return
  ending = true
  for (const child of children.values()) child.kill('SIGKILL')
  if (children.size === 0) cleanUp()
}

const start = (name: string, command: string, args: readonly string[], logFile: string): void => {
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log] })
  closeSync(log)
  let over = false
  const finished = (how: string): void => {
    if (over) return
    over = true
    if (children.get(name) === child) children.delete(name)
    tell({ type: 'exited', name, how })
    if (ending && children.size === 0) cleanUp()
  }
  child.once('error', (error) => finished(`did not start: ${error.message}`))
  child.once('exit', (code, signal) => finished(signal === null ? `exit code ${code}` : signal))
  if (child.pid === undefined) return
  children.set(name, child)
  tell({ type: 'spawned', name, pid: child.pid })
}

process.on('message', (message: ToWatchdog) => {
  if (ending) return
  if (message.type === 'spawn') start(message.name, message.command, message.args, message.logFile)
  else if (message.type === 'signal') children.get(message.name)?.kill(message.signal)
  else lastCommands.push(message)
})
process.once('disconnect', end)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
if (!process.connected) end()
tell({ type: 'ready', folder })
