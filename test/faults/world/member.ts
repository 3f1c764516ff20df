import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Inventory } from '#scripts/support/inventory.js'
import { machineMs } from '#scripts/support/recorder.js'
import type { ConsumerPoolOptions, PoolStatus } from '#src/index.js'
import { within } from '#src/util/within.js'
import type { Freeze } from '../judge/evidence.js'
import { ForkedHost } from './forked-host.js'
import type { Host } from './host.js'
import { processesWith, signal } from './processes.js'
import { SupervisedHost } from './supervised-host.js'

/** In the environment of all its processes; its value is the name of its files. */
const MARK = 'FAULTS_MEMBER'
const LOOK_MS = 50

/** One life of a pool in a process of its own, or under a supervisor. Its clients' ids begin with its name. */
export class Member {
  readonly name: string
  /** Resolves with the exit code or the signal. */
  readonly exited: Promise<number | string>
  /** When one of its processes was frozen, and until when. */
  readonly freezes: Freeze[] = []
  readonly #host: Host
  readonly #mark: string
  readonly #isSupervised: boolean
  readonly #frozenAtMs = new Map<number, number>()
  #hasStarted = false
  #isOver = false
  #isLeaving = false

  /** @param folder where its events and its log go */
  constructor(name: string, folder: string, pool: ConsumerPoolOptions, isSupervised: boolean) {
    this.name = name
    this.#isSupervised = isSupervised
    this.#mark = join(folder, `${name}-${Date.now()}`)
    const options = {
      ...{ name, pool, file: (kind: string) => `${this.#mark}.${kind}` },
      env: { ...process.env, [MARK]: this.#mark },
    }
    this.#host = isSupervised ? new SupervisedHost(options) : new ForkedHost(options)
    this.exited = this.#host.exited.then((how) => {
      this.#isOver = true
      return how
    })
  }

  /** Of the process of its pool; -1 while a supervisor has none. */
  get pid(): number {
    return this.#host.pid
  }

  /** Its pool has started, and nobody has done anything to it that ends or freezes it. */
  get isUp(): boolean {
    return this.#host.isStarted && this.isOn
  }

  /** Its pool is up, or its supervisor is about to start another one. */
  get isOn(): boolean {
    return this.#hasStarted && !this.#isOver && !this.#frozenAtMs.has(this.pid) && !this.#isLeaving
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** True when somebody has told it to end. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  async start(): Promise<void> {
    await this.#host.start()
    this.#hasStarted = true
  }

  async status(): Promise<PoolStatus> {
    return (await this.#host.ask('status')) as PoolStatus
  }

  async inventory(): Promise<Inventory> {
    return (await this.#host.ask('inventory')) as Inventory
  }

  /** Asks its pool for a fresh thread in a slot. @returns whether it will have one */
  async recycle(slot: number): Promise<boolean> {
    return (await this.#host.ask('recycle', { slot })) as boolean
  }

  /** Puts the wall clock of its process forward by so much, or back; 0 puts it right. */
  async clock(ms: number): Promise<void> {
    await this.#host.ask('clock', { ms })
  }

  /** Holds its main thread up. */
  async block(ms: number): Promise<void> {
    await this.#host.ask('block', { ms })
  }

  /** @param pid of the process of its pool, or of a child of that */
  freeze(pid = this.pid): void {
    this.#frozenAtMs.set(pid, machineMs())
    signal(pid, 'SIGSTOP')
  }

  thaw(pid = this.pid): void {
    this.freezes.push({ pid, fromMs: this.#frozenAtMs.get(pid) ?? 0, toMs: machineMs() })
    signal(pid, 'SIGCONT')
    this.#frozenAtMs.delete(pid)
  }

  /** Asks it to stop, as a service manager does. */
  terminate(): void {
    this.#isLeaving = true
    this.#host.terminate()
  }

  /** Kills the process of its pool, and a supervisor with it; children of the pool are left to themselves. */
  async kill(): Promise<void> {
    this.#isLeaving = true
    this.#host.kill()
    // One that is being started would come to an end by itself, and not at once.
    if (this.#isSupervised) await this.#killLeft()
    await this.exited
  }

  /** Kills the process of its pool alone. */
  killPool(): void {
    signal(this.pid, 'SIGKILL')
  }

  /** Kills whatever is left of it. */
  async killAll(): Promise<void> {
    await this.kill()
    await this.#killLeft()
  }

  async #killLeft(): Promise<void> {
    for (let { left } = this; left.length > 0; { left } = this) {
      for (const pid of left) signal(pid, 'SIGKILL')
      await sleep(LOOK_MS)
    }
  }

  /** Ids of all its processes that are there now. */
  get left(): number[] {
    return processesWith(MARK, this.#mark)
  }

  /** Resolves with whether it has ended within that time. */
  endsWithin(ms: number): Promise<boolean> {
    return within(this.exited, ms)
  }
}
