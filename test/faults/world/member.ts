import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Inventory } from '#scripts/support/inventory.js'
import { machineMs } from '#scripts/support/recorder.js'
import type { ConsumerPoolOptions, PoolStatus } from '#src/index.js'
import { within } from '#src/util/within.js'
import { type AskProcess, askProcess } from '../../support/pool/process-client.js'
import type { Freeze } from '../judge/evidence.js'

const MODULE = fileURLToPath(new URL('./member-process.mjs', import.meta.url))

/** One life of a pool in a process of its own. Its clients' ids begin with its name. */
export class Member {
  readonly name: string
  /** Resolves with the exit code or the signal. */
  readonly exited: Promise<number | string>
  /** When it was frozen, and until when. */
  readonly freezes: Freeze[] = []
  readonly #child: ChildProcess
  readonly #ask: AskProcess
  #isOver = false
  #isFrozen = false
  #frozenAtMs = 0
  #isLeaving = false
  #isStarted = false

  /** @param folder where its events and its log go */
  constructor(name: string, folder: string) {
    this.name = name
    const file = (kind: string) => join(folder, `${name}-${Date.now()}.${kind}`)
    this.#child = fork(MODULE, [name, file('events')], {
      execArgv: ['--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const log = createWriteStream(file('log'))
    this.#child.stdout?.pipe(log, { end: false })
    this.#child.stderr?.pipe(log, { end: false })
    this.#ask = askProcess(this.#child)
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#isOver = true
      log.end()
      return code ?? signal
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Its pool has started, and nobody has done anything to it that ends or freezes it. */
  get isUp(): boolean {
    return this.#isStarted && !this.#isOver && !this.#isFrozen && !this.#isLeaving
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** True when somebody has told it to end. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  async start(options: ConsumerPoolOptions): Promise<void> {
    await this.#ask('start', { options })
    this.#isStarted = true
  }

  async status(): Promise<PoolStatus> {
    return (await this.#ask('status')) as PoolStatus
  }

  async inventory(): Promise<Inventory> {
    return (await this.#ask('inventory')) as Inventory
  }

  /** Holds its main thread up. */
  async block(ms: number): Promise<void> {
    await this.#ask('block', { ms })
  }

  freeze(): void {
    this.#isFrozen = true
    this.#frozenAtMs = machineMs()
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.freezes.push({ pid: this.pid, fromMs: this.#frozenAtMs, toMs: machineMs() })
    this.#child.kill('SIGCONT')
    this.#isFrozen = false
  }

  /** Asks it to stop, as a service manager does. */
  terminate(): void {
    this.#isLeaving = true
    this.#child.kill('SIGTERM')
  }

  async kill(): Promise<void> {
    this.#isLeaving = true
    this.#child.kill('SIGKILL')
    await this.exited
  }

  /** Resolves with whether it has ended within that time. */
  endsWithin(ms: number): Promise<boolean> {
    return within(this.exited, ms)
  }
}
