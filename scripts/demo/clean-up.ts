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

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step()
  }

  /** A second signal does not wait. */
  async #stop(exitCode: number): Promise<void> {
    if (this.#stopped) process.exit(exitCode)
    this.#stopped = true
    await this.run()
    process.exit(exitCode)
  }
}
