import { ErrorCode, PoolError } from '../errors.js'
import { deferred } from '../util/deferred.js'
import { mayEnter } from '../util/transitions.js'
import { isOver, SLOT_TRANSITIONS } from './slot-states.js'
import type { SlotState } from './status.js'

/** The state that a slot is in, how its start ends, and what was wrong last. */
export class SlotLife {
  readonly #where: { readonly slot: number; readonly groupId: string }
  readonly #started = deferred<void>()
  #state: SlotState = 'starting'
  #lastError: PoolError | null = null

  constructor(where: { readonly slot: number; readonly groupId: string }) {
    this.#where = where
  }

  get state(): SlotState {
    return this.#state
  }

  /** The slot stops or has stopped: nothing begins any more. */
  get isOver(): boolean {
    return isOver(this.#state)
  }

  /** Nothing new begins in a slot that is over, nor in one that is parked before it is tried again. */
  get isIdle(): boolean {
    return this.isOver || this.#state === 'parked'
  }

  get lastError(): PoolError | null {
    return this.#lastError
  }

  /** Resolves when the slot runs for the first time, and rejects with the reason when that cannot be. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  mayEnter(state: SlotState): boolean {
    return mayEnter(SLOT_TRANSITIONS, this.#state, state)
  }

  enter(state: SlotState): void {
    if (!this.mayEnter(state)) {
      throw new PoolError(ErrorCode.internal, `a slot cannot go from ${this.#state} to ${state}`, this.#where)
    }
    this.#state = state
    if (state === 'running') this.#started.resolve()
    else if (state === 'stopping') {
      this.#started.reject(new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started'))
    }
  }

  /** @param failsTheStart whether the slot, if it has not run yet, would not do better another time */
  wentWrong(error: PoolError, failsTheStart: boolean): void {
    this.#lastError = error
    if (failsTheStart) this.#started.reject(error)
  }
}
