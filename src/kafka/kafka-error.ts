/** The type of an error that stands for silence. */
export const TIMED_OUT = 'REQUEST_TIMED_OUT'

/** A broker's answer was an error code, or the request never got an answer. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  /** Kafka's name of the code (`REBALANCE_IN_PROGRESS`), or `CONNECTION` / `REQUEST_TIMED_OUT` / `CLOSED` without an answer. */
  readonly type: string
  /** Kafka's number of the code; -1 without an answer. */
  readonly code: number
  /** True when the same request may succeed later (as in Kafka's own table), and for every connection error. */
  readonly retriable: boolean
  /** With `MEMBER_ID_REQUIRED`: the id to join with. */
  readonly memberId?: string

  constructor(
    type: string,
    code: number,
    retriable: boolean,
    message: string,
    more: { memberId?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.type = type
    this.code = code
    this.retriable = retriable
    if (more.memberId !== undefined) this.memberId = more.memberId
  }

  /** True when no answer came: refused, closed, timed out. */
  get unanswered(): boolean {
    return this.code === -1
  }

  /** True when an answer was waited for in vain. (A broker's own answer has the same name, but a code.) */
  get isSilence(): boolean {
    return this.unanswered && this.type === TIMED_OUT
  }
}
