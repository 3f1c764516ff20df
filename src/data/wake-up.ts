import { after } from '../util/timers.js'

/**
 * What a loop waits on when it has nothing to do. A call of `wake` while nobody waits is remembered, so work that turns
 * up between "nothing to do" and the wait is never missed. One waiter at a time.
 */
export class WakeUp {
  #woken = false
  #resume: (() => void) | null = null

  /** Resolves at the next `wake` (at once if one came since the last wait), or after `ms` if given. */
  wait(ms?: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : after(() => this.#settle(), ms)
      this.#resume = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  wake(): void {
    if (this.#resume === null) this.#woken = true
    else this.#settle()
  }

  #settle(): void {
    const resume = this.#resume
    this.#resume = null
    resume?.()
  }
}
