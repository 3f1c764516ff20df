/*
 * What a thread reports and users see as it is. Apart from the messages, because these need the configuration, and with
 * it the schema: whoever compiles against this package shall not have to load that.
 */

/**
 * What becomes of a message whose attempt failed: tried again, its partition stands still, passed over, or it goes to the
 * dead-letter topic.
 */
export type FailureOutcome = 'retry' | 'paused' | 'skipped' | 'dead-letter'

/**
 * Why a message goes to the dead-letter topic: all attempts failed, the handler threw `NonRetriableError`, or it has killed
 * as many threads as it may.
 */
export type DeadLetterReason = 'exhausted' | 'non-retriable' | 'killed'

/**
 * Why a partition stands still.
 *
 * - `exhausted`: its next message is
 * - `unreadable`: its next batch cannot be read
 * - `dead-letter`: its next message is not stored in the dead-letter topic yet
 * - `breaker`: too many messages went there in a row
 * - `poisoned`: its next message has killed as many threads as it may
 */
export type PauseReason = 'exhausted' | 'unreadable' | 'dead-letter' | 'breaker' | 'poisoned'

/**
 * - `out-of-range`: the offset is not on the broker, and the reset policy chose another
 * - `truncated`: the leader's log has other messages from `to` on than those that were read (an unclean election)
 */
export type ResetReason = 'out-of-range' | 'truncated'

/** Memory of one thread, in bytes, as it reported last. It is as old as the handler call that is in flight. */
export interface ThreadMemory {
  /** What its heap holds (the old generation, which `maxOldGenerationSizeMb` limits), garbage included. */
  readonly heapUsed: number
  readonly heapLimit: number
  /** Buffers and other memory that its objects hold outside the heap. */
  readonly external: number
}

/**
 * Why a thread that works was replaced.
 *
 * - `asked`: by `recycle()`
 * - `memory`: its heap was nearly full
 * - `rss`: the process took more than `maxRssMb`, and this thread the most
 * - `messages`, `time`: `recycle.afterMessages`, `recycle.afterMs`
 */
export type RecycleReason = 'asked' | 'memory' | 'rss' | 'messages' | 'time'

/** Effective configuration as the thread runs with it; secrets are replaced by `[hidden]`. */
export type EffectiveConfig = Readonly<Record<string, unknown>>
