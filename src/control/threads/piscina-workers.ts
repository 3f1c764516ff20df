import type { Worker } from 'node:worker_threads'
import { Piscina, queueOptionsSymbol, type TaskQueue } from 'piscina'
import type { PoolSettings } from '../../config/resolved.js'
import type { SlotTask, ThreadData } from '../../protocol/messages.js'
import { ChannelLine } from './channel-line.js'
import type { Line, Workers } from './workers.js'

export interface PiscinaWorkersOptions {
  /** Module whose default export takes a {@link SlotTask}. */
  readonly entry: URL
  readonly data: ThreadData
  readonly resourceLimits: PoolSettings['resourceLimits']
  /** One has booted, and can be given a task. */
  readonly onBooted: (worker: Worker) => void
}

/** What the load balancer finds in a task: the one worker that may take it; none at all when null. */
interface Destination {
  readonly worker: Worker | null
}

/** How many there are is decided elsewhere, and changes. */
const NO_LIMIT = 1_000_000

/** Piscina keeps no request for a boot that it could not take up: nobody would ever take it out again. */
const KEEPS_NOTHING: TaskQueue = { size: 0, shift: () => null, push: () => {}, remove: () => {} }

/**
 * The worker threads that Piscina owns. It boots one when it is asked to, and gives a task to the one that is meant.
 *
 * Piscina is never left to replace threads by itself (`minThreads: 0`), for it does both too much and too little: a
 * thread that dies idle right after its boot is replaced for ever and at once, and after a single death before the boot
 * was complete none is replaced any more.
 */
export class PiscinaWorkers implements Workers {
  readonly #piscina: Piscina

  constructor({ entry, data, resourceLimits, onBooted }: PiscinaWorkersOptions) {
    this.#piscina = new Piscina({
      filename: entry.href,
      workerData: data,
      resourceLimits: { ...resourceLimits },
      minThreads: 0,
      maxThreads: NO_LIMIT,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      // With Atomics an idle thread blocks its own event loop, and with it whatever the handler module does meanwhile.
      atomics: 'disabled',
      recordTiming: false,
      taskQueue: KEEPS_NOTHING,
      loadBalancer: (task, workers) => {
        const { worker } = task[queueOptionsSymbol] as Destination
        return workers.find(({ id }) => id === worker?.threadId) ?? null
      },
    })
    this.#piscina.on('workerCreate', ({ id }: { id: number }) => {
      const worker = this.all.find(({ threadId }) => threadId === id)
      // Piscina gives tasks only to threads that it has entered as ready, which it does after this event.
      if (worker !== undefined) queueMicrotask(() => onBooted(worker))
    })
    // The death of an idle thread; its `exit` event tells the same.
    this.#piscina.on('error', () => {})
  }

  get all(): readonly Worker[] {
    return this.#piscina.threads
  }

  /**
   * Boots one more. Piscina adds a thread for a task that no thread takes; so it is asked with one that none may take.
   *
   * @throws what `new Worker` throws when the operating system gives no thread
   */
  boot(): void {
    void this.#piscina.run({ [queueOptionsSymbol]: { worker: null } satisfies Destination })
  }

  line(concurrency: number): Line {
    return new ChannelLine(concurrency, (worker, task, signal) => this.#give(worker, task, signal))
  }

  destroy(): Promise<void> {
    return this.#piscina.destroy()
  }

  #give(worker: Worker, task: SlotTask, signal: AbortSignal): Promise<unknown> {
    return this.#piscina.run(
      { ...task, [queueOptionsSymbol]: { worker } satisfies Destination },
      { signal, transferList: [task.port] },
    )
  }
}
