import { once } from 'node:events'
import type { PoolSettings } from '../../../config/resolved.js'
import type { ThreadData } from '../../../protocol/messages.js'
import type { Line, PoolWorker, Workers } from '../workers.js'
import { ChildProcess } from './child-process.js'
import { ProcessLine } from './process-line.js'

export interface ChildProcessesOptions {
  /** Module whose default export takes a {@link SlotTask}. */
  readonly entry: URL
  readonly data: ThreadData
  readonly resourceLimits: PoolSettings['resourceLimits']
  /** One has booted, and can be given a task. */
  readonly onBooted: (worker: PoolWorker) => void
}

/** Child processes with one thread each, in the place of threads. */
export class ChildProcesses implements Workers {
  readonly #options: ChildProcessesOptions
  readonly #all = new Set<ChildProcess>()

  constructor(options: ChildProcessesOptions) {
    this.#options = options
  }

  get all(): readonly PoolWorker[] {
    return [...this.#all]
  }

  boot(): void {
    const { entry, data, resourceLimits, onBooted } = this.#options
    const child = new ChildProcess({ entry: entry.href, data, resourceLimits: { ...resourceLimits } }, onBooted)
    this.#all.add(child)
    // Before everybody else hears of it: who looks then shall not find it among those that live.
    child.prependOnceListener('exit', () => this.#all.delete(child))
    child.on('error', () => {}) // told to whoever has given it a task
  }

  line(concurrency: number): Line {
    return new ProcessLine(concurrency)
  }

  async destroy(): Promise<void> {
    const ends = [...this.#all].map((child) => once(child, 'exit'))
    for (const child of this.#all) child.terminate()
    await Promise.allSettled(ends)
  }
}
