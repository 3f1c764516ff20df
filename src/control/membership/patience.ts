import { KafkaError } from '../../kafka/kafka-error.js'
import { doubled } from '../../util/backoff.js'
import { monotonicMs } from '../../util/clock.js'
import { LONGEST_TIMER_MS } from '../../util/timers.js'

/**
 * How long an answer is waited for at first: a connection that is silent for longer is probably gone, and a broker itself
 * gives a commit up after 5 s (`offsets.commit.timeout.ms`).
 */
const ANSWER_MS = 6_000
/** What comes within that comes in time the next time, too. */
const SOON_MS = ANSWER_MS / 2

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

  /** Has a request made that is waited for no longer, and learns from what becomes of it. */
  async during<T>(request: (limit: { readonly atMostMs: number }) => Promise<T>): Promise<T> {
    const atMostMs = this.ms
    const sentMs = monotonicMs()
    try {
      const answer = await request({ atMostMs })
      if (monotonicMs() - sentMs <= SOON_MS) this.#silences = 0
      return answer
    } catch (error) {
      // Requests that share a connection come to nothing together: that is one silence.
      if (atMostMs === this.ms) this.failed(error)
      throw error
    }
  }
}
