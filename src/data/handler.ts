import type { Logger } from 'pino'
import type { Message } from '../kafka/message.js'

/**
 * What the user writes: the default export (or an export named `handler`) of the handler module. It runs in a worker
 * thread, one message at a time per partition and in the partition's order.
 *
 * When it returns, or the promise that it returned is fulfilled, the message is finished and its offset will be
 * committed. When it throws or rejects, the message is tried again as `retry` says; throw a `NonRetriableError` to skip
 * the remaining attempts. It may use the CPU for as long as `maxProcessingMs` allows without harm to the membership in
 * the group. Delivery is at least once: after a crash the message that was in flight comes again.
 *
 * @example
 * ```ts
 * export default (async (message, context) => {
 *   context.log.info({ bytes: message.value?.length }, 'got one')
 * }) satisfies Handler
 * ```
 */
export type Handler = (message: Message, context: HandlerContext) => unknown | Promise<unknown>

/**
 * What a handler module may export as `setup`: called in each thread that fills a slot, before its first message, and
 * awaited. Open here what all messages share: a database pool, a producer, a file. The thread is not ready before.
 *
 * When it throws or rejects, a start fails with `KCP_HANDLER_SETUP_FAILED`; later it is a crash of the slot. It has
 * `loadTimeoutMs`. A spare thread does not call it, so that what it opens is not opened for nothing; a replacement calls
 * it while it connects.
 *
 * @example
 * ```ts
 * let database: Pool
 * export const setup: Setup = async ({ slot }) => {
 *   database = await openPool({ name: `orders-${slot}` })
 * }
 * ```
 */
export type Setup = (context: SetupContext) => unknown | Promise<unknown>

/**
 * What a handler module may export as `teardown`: called after the last message, when no handler is in flight any more,
 * and awaited. Flush and close here what `setup` has opened.
 *
 * It is called when the pool stops, when the slot is parked while its thread lives, and when the slot loses all of its
 * partitions; `setup` comes again before the next message. A thread that dies, or is ended because a handler does not come
 * back, calls nothing. So nothing may depend on it: a message is finished when its handler has come back.
 *
 * It has what is left of `drainTimeoutMs`, a second at least. What it throws is logged.
 */
export type Teardown = () => unknown | Promise<unknown>

/** What is told to {@link Setup}. */
export interface SetupContext {
  /** Number of the slot, from 0. */
  readonly slot: number
  /** How many threads have filled this slot up to now, this one included. */
  readonly incarnation: number
  /** `client.id` of this thread's client. */
  readonly clientId: string
  /** Logger whose lines carry slot and incarnation. It may be kept. */
  readonly log: Logger
}

/** What a handler module exports, as far as it concerns the pool. */
export interface HandlerModule {
  readonly handler: Handler
  readonly setup?: Setup
  readonly teardown?: Teardown
}

/** What a handler is told beside the message. It belongs to one call. */
export interface HandlerContext {
  /** Number of the slot, from 0. */
  readonly slot: number
  /** How many threads have filled this slot up to now, this one included. */
  readonly incarnation: number
  /** `client.id` of this thread's client. */
  readonly clientId: string
  /**
   * 1 for the first try. A new thread begins at 1 again; but for a message at which its partition stands still: when
   * that is tried again, the count goes on.
   */
  readonly attempt: number
  /** Logger whose lines carry slot, incarnation, topic, partition and offset. Made when first asked for. */
  readonly log: Logger
  /**
   * Aborts when the handler should come to its end now, because its result would not count or its time is over; the
   * `code` of the reason, an {@link AbortError}, says which ({@link AbortCode}). Give it to `fetch` and the like. A
   * handler that then throws has not finished its message, which is handled again; one that returns has.
   *
   * Made when first asked for; needs the event loop, so a synchronous loop polls `cancelled` instead.
   */
  readonly signal: AbortSignal
  /** The same as a plain question. It reads shared memory, so its answer changes even while the handler blocks the thread. */
  readonly cancelled: boolean
}

/**
 * Why a handler should give up.
 *
 * - `REVOKED`: the partition belongs to another member, which handles the message again whatever comes of it here, or
 *   `pool.seek()` lets it go on elsewhere
 * - `STOPPING`: the pool stops, and `drainTimeoutMs` is nearly over (a tenth of it is left, 3 s at most); before that a
 *   stop leaves handlers in peace
 * - `DEADLINE`: the handler has run for `maxProcessingMs`; soon after that its thread is ended
 */
export type AbortCode = 'REVOKED' | 'STOPPING' | 'DEADLINE'

/** Reason of `context.signal`. */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code: AbortCode

  constructor(code: AbortCode, message: string) {
    super(message)
    this.code = code
  }
}
