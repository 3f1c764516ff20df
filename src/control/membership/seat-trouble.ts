import type { Logger } from 'pino'
import { ErrorCode, PoolError } from '../../errors.js'
import { isRefusal } from '../../kafka/brokers/refusal-advice.js'
import type { Membership } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { monotonicMs } from '../../util/clock.js'
import { Episode } from '../../util/episode.js'
import { type Reaction, reactionTo, retryDelayMs } from './reactions.js'
import { UNASSIGNABLE_TRIES } from './seat-times.js'

/** Faults of an assignor, or of what members have written for each other. */
const UNASSIGNABLE: readonly ErrorCode[] = [ErrorCode.moduleNotUsable, ErrorCode.protocolRefused]

/** So many failures may follow each other before it is said: a coordinator that moves is found again in no time. */
const QUIET_FAILURES = 3

/** What the seat does about a failure, and who is to hear of it. */
export interface Met {
  readonly reaction: Reaction | 'unassignable'
  /** It is due to be said in the log. */
  readonly isTold: boolean
  /** It is for a person to mend: the slot is to hear of it. */
  readonly hasLasted: boolean
}

/** What goes wrong between a seat and its coordinator: how often in a row, what is said of it, and what is to be done. */
export class SeatTrouble {
  readonly #log: Logger
  readonly #lasting = new Episode()
  /** No assignment can be made, or read. */
  readonly #unassignable = new Episode()
  #failures = 0
  #unassignableTries = 0
  #needsPerson = false

  constructor(log: Logger) {
    this.#log = log
  }

  /** True while it is for a person to mend. */
  get needsPerson(): boolean {
    return this.#needsPerson
  }

  /** The coordinator refuses the seat. */
  refused(): void {
    this.#needsPerson = true
  }

  /** The coordinator has answered as it should. */
  over(membership: Membership): void {
    this.#failures = 0
    this.#unassignableTries = 0
    this.#needsPerson = false
    if (membership.generation < 0) return
    if (this.#lasting.ended(monotonicMs()) !== null) this.#log.info(membership, 'the coordinator answers again')
    if (this.#unassignable.ended(monotonicMs()) !== null) this.#log.info(membership, 'there is an assignment again')
  }

  met(error: unknown, membership: Membership): Met {
    if (error instanceof PoolError && UNASSIGNABLE.includes(error.code)) {
      // Nothing that time mends, as a rule, and the whole group waits for it.
      this.#needsPerson = true
      const isTold = this.#unassignable.happened(monotonicMs()) !== null
      this.#log[isTold ? 'error' : 'debug'](
        { err: error, ...membership },
        `no assignment: ${error.message}; asking again`,
      )
      return { reaction: 'unassignable', isTold, hasLasted: ++this.#unassignableTries >= UNASSIGNABLE_TRIES }
    }
    const reaction = reactionTo(error)
    const isRefused = reaction === 'refused'
    const isTrouble = isRefused || (reaction === 'retry' && this.#failures >= QUIET_FAILURES)
    const isTold = isTrouble && this.#lasting.happened(monotonicMs()) !== null
    const level = isTold && !isRefused ? 'warn' : 'debug'
    this.#log[level]({ err: error, reaction, ...membership }, 'the coordinator did not agree')
    return { reaction, isTold, hasLasted: isRefused || (isTold && error instanceof KafkaError && isRefusal(error)) }
  }

  /** How long to wait before asking again. */
  nextDelayMs(): number {
    return retryDelayMs(this.#failures++)
  }
}
