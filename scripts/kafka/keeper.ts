import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BrokerError } from './broker-error.js'
import type { FromWatchdog, ToWatchdog } from './watchdog.js'

/** A process that the watchdog runs. */
export interface Kept {
  readonly pid: number
  /** How the process ended (`SIGKILL`, `exit code 1`), or undefined while it runs. */
  readonly ended: string | undefined
  /** Resolves with the same when it ends; never rejects. */
  readonly exited: Promise<string>
}

class KeptProcess implements Kept {
  readonly pid: number
  readonly exited: Promise<string>
  ended: string | undefined
  #resolve: (how: string) => void = () => undefined

  constructor(pid: number) {
    this.pid = pid
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  end(how: string): void {
    this.ended = how
    this.#resolve(how)
  }
}

const whyEnded = (code: number | null, said: string): string => {
  const reason = /^\w*Error.*$/m.exec(said)?.[0] ?? said.trim()
  return `The broker's watchdog ended with exit code ${code}${reason === '' ? '.' : `: ${reason}`}`
}

interface Starting {
  readonly resolve: (kept: Kept) => void
  readonly reject: (error: Error) => void
}

/** This process's end of the watchdog: starts processes that cannot outlive this one, in a folder that cannot either. */
export class Keeper {
  /** Fresh folder that is removed at the end. */
  readonly folder: string
  readonly #watchdog: ChildProcess
  readonly #gone: Promise<void>
  readonly #starting = new Map<string, Starting>()
  readonly #running = new Map<string, KeptProcess>()

  private constructor(watchdog: ChildProcess, folder: string) {
    this.#watchdog = watchdog
    this.folder = folder
    this.#gone = once(watchdog, 'exit').then(() => this.#afterWatchdog())
    watchdog.on('message', (message: FromWatchdog) => this.#heard(message))
    watchdog.on('error', () => undefined)
  }

  static async start(): Promise<Keeper> {
    const { NODE_OPTIONS: _inspectors, ...env } = process.env
    // Detached: a Ctrl-C on the terminal reaches this process alone, which then ends the brokers in its own order.
    const watchdog = fork(fileURLToPath(new URL('./watchdog.js', import.meta.url)), {
      detached: true,
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let said = ''
    watchdog.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const folder = await new Promise<string>((resolve, reject) => {
      watchdog.once('message', (message: FromWatchdog) => {
        if (message.type === 'ready') resolve(message.folder)
      })
      watchdog.once('error', reject)
      // Not at its exit: what it says of the reason may come behind that.
      watchdog.once('close', (code) => reject(new BrokerError(whyEnded(code, said))))
    })
    watchdog.stderr?.destroy()
    return new Keeper(watchdog, folder)
  }

  /** Starts a process under a name that is free; rejects with a {@link BrokerError} when it cannot be started. */
  spawn(name: string, command: string, args: readonly string[], logFile: string): Promise<Kept> {
    return new Promise((resolve, reject) => {
      this.#starting.set(name, { resolve, reject })
      this.#send({ type: 'spawn', name, command, args, logFile })
    })
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#send({ type: 'signal', name, signal })
  }

  /** A command that runs after the processes are dead. */
  atEnd(command: string, args: readonly string[]): void {
    this.#send({ type: 'at-end', command, args })
  }

  /** Kills every process and removes the folder; resolves when that is done. Idempotent. */
  async end(): Promise<void> {
    if (this.#watchdog.connected) this.#watchdog.disconnect()
    await this.#gone
  }

  #send(message: ToWatchdog): void {
    if (!this.#watchdog.connected) throw new BrokerError('The broker has been stopped.')
    this.#watchdog.send(message)
  }

  #heard(message: FromWatchdog): void {
    if (message.type === 'ready') return
    const starting = this.#starting.get(message.name)
    this.#starting.delete(message.name)
    if (message.type === 'spawned') {
      const kept = new KeptProcess(message.pid)
      this.#running.set(message.name, kept)
      starting?.resolve(kept)
    } else {
      starting?.reject(new BrokerError(`${message.name} ${message.how}.`))
      this.#running.get(message.name)?.end(message.how)
      this.#running.delete(message.name)
    }
  }

  /** Does nothing after an orderly end; cleans up in the watchdog's place when that was killed itself. */
  #afterWatchdog(): void {
    for (const kept of this.#running.values()) {
      try {
        process.kill(kept.pid, 'SIGKILL')
      } catch {
        // It is dead already.
      }
      kept.end('SIGKILL')
    }
    this.#running.clear()
    for (const { reject } of this.#starting.values()) reject(new BrokerError('The broker has been stopped.'))
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
