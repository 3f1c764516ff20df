import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What has to be undone in the end, the latest first: after the work, after an error, and when somebody stops it. */
export class CleanUp {
  readonly #steps: (() => unknown)[] = []
  #stopped = false

  constructor() {
    for (const signal of SIGNALS) process.on(signal, () => void this.#stop(128 + constants.signals[signal]))
  }

  /** True when a signal came. What fails after that fails because of it. */
  get stopped(): boolean {
    return this.#stopped
  }

  after(step: () => unknown): void {
    this.#steps.push(step)
  }

  /** Undoes everything, also when a step fails; the first failure is thrown in the end. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  /** A second signal does not wait. */
  async #stop(exitCode: number): Promise<void> {
    if (this.#stopped) process.exit(exitCode)
    this.#stopped = true
    await this.run().catch((error: unknown) => console.error(error))
    process.exit(exitCode)
  }
}
