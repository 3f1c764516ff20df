import { KafkaError } from '../../kafka/kafka-error.js'
import { doubled } from '../../util/backoff.js'
import { LONGEST_TIMER_MS } from '../../util/timers.js'

/** How long an answer is waited for at first: a connection that is silent for longer is probably gone. */
const ANSWER_MS = 6_000

/**
 * For how long the answers are waited for without which work stands still, where `requestTimeout` is longer. A broker that is
 * only slow gets twice as long after each silence; what fails at once says nothing of how slow it is.
 */
export class Patience {
  #silences = 0

  get ms(): number {
    return doubled(ANSWER_MS, this.#silences, LONGEST_TIMER_MS)
  }

  /** A request came to nothing. */
  failed(error: unknown): void {
    if (error instanceof KafkaError && error.isSilence) this.#silences += 1
  }

  /** An answer came in time. */
  answered(): void {
    this.#silences = 0
  }
}
