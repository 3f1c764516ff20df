import { after } from './timers.js'

/** A sleep that others can cut short. One sleeper at a time. */
export class WakeableSleep {
  #wake: (() => void) | null = null

  /** Resolves after `ms`, or at once when somebody calls `wake`. */
  for(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
      const timer = after(wake, ms)
      this.#wake = wake
    })
  }

  wake(): void {
    this.#wake?.()
  }
}
