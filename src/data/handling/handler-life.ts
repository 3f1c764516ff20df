import type { Logger } from 'pino'
import { ErrorCode, PoolError } from '../../errors.js'
import { toErrorData } from '../../protocol/error-data.js'
import type { HookName, Ledger } from '../../protocol/ledger.js'
import { monotonicMs } from '../../util/clock.js'
import { within } from '../../util/within.js'
import type { HandlerModule, SetupContext } from '../handler.js'

export interface HandlerLifeOptions {
  readonly module: HandlerModule
  /** Where the module came from. */
  readonly url: string
  readonly context: SetupContext
  readonly setupTimeoutMs: number
  readonly teardownTimeoutMs: number
  readonly ledger: Pick<Ledger, 'beginHook' | 'endHook'>
  readonly log: Logger
}

/**
 * Calls `setup` and `teardown` of a handler module in order: never one before the other has come back, never one of them
 * twice in a row.
 */
export class HandlerLife {
  readonly #options: HandlerLifeOptions
  #isUp = false
  #last: Promise<void> = Promise.resolve()

  constructor(options: HandlerLifeOptions) {
    this.#options = options
  }

  /** False when setting up and tearing down is nothing. */
  get hasHooks(): boolean {
    const { setup, teardown } = this.#options.module
    return setup !== undefined || teardown !== undefined
  }

  /** @throws {PoolError} `KCP_HANDLER_SETUP_FAILED` when `setup` fails, or does not come back */
  setUp(): Promise<void> {
    return this.#next(async () => {
      if (this.#isUp) return
      await this.#setUp()
      this.#isUp = true
    })
  }

  /**
   * Undoes a `setUp` that has come to its end. A `teardown` that fails is logged.
   *
   * @throws {PoolError} `KCP_HANDLER_SETUP_FAILED` when `teardown` does not come back: nothing may run beside it
   */
  tearDown(): Promise<void> {
    return this.#next(async () => {
      if (!this.#isUp) return
      this.#isUp = false
      await this.#tearDown()
    })
  }

  #next(step: () => Promise<void>): Promise<void> {
    const next = this.#last.then(step)
    this.#last = next.catch(() => {})
    return next
  }

  /**
   * Main reads the ledger: it ends a thread that a hook blocks, and with it the timers here, and gives one in which a hook
   * was left behind to nobody else.
   */
  async #noted(name: HookName, hook: () => unknown): Promise<void> {
    const { ledger } = this.#options
    ledger.beginHook(name, monotonicMs())
    try {
      await hook()
    } finally {
      ledger.endHook()
    }
  }

  async #setUp(): Promise<void> {
    const { module, url, context, setupTimeoutMs } = this.#options
    const { setup } = module
    if (setup === undefined) return
    const done = this.#noted('setup', () => setup(context))
    if (!(await within(done, setupTimeoutMs))) {
      const what = `setup of the handler module ${url} had not come back after ${setupTimeoutMs / 1_000} s`
      throw new PoolError(ErrorCode.handlerSetupFailed, `${what}. Look what it waits for, or raise loadTimeoutMs`)
    }
    await done.catch((cause: unknown) => {
      const what = `setup of the handler module ${url} failed: ${toErrorData(cause).message}`
      throw new PoolError(ErrorCode.handlerSetupFailed, what, { cause })
    })
  }

  async #tearDown(): Promise<void> {
    const { module, url, teardownTimeoutMs, log } = this.#options
    const { teardown } = module
    if (teardown === undefined) return
    const done = this.#noted('teardown', teardown)
    if (!(await within(done, teardownTimeoutMs))) {
      const what = `teardown of the handler module ${url} had not come back after ${teardownTimeoutMs / 1_000} s`
      throw new PoolError(ErrorCode.handlerSetupFailed, `${what}. Look what it waits for, or raise drainTimeoutMs`)
    }
    await done.catch((err: unknown) => {
      log.error({ err }, `teardown of the handler module ${url} failed: ${toErrorData(err).message}`)
    })
  }
}
