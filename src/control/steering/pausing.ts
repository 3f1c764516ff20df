import type { Holder, Holding, Holdings } from '../holdings.js'

/** Whoever has the partitions, and what it can be told. */
export interface PausableHolder extends Pick<Holder, 'hand'> {
  /** Nothing of these begins any more. Waits until none of their handlers is in flight. */
  revoke(partitionIds: readonly number[], timeoutMs: number): Promise<boolean>
}

export interface PausingOptions {
  readonly holdings: Holdings
  readonly incarnations: PausableHolder
  /** Hands out what is free for a thread. */
  readonly handOut: () => void
}

/**
 * What `pool.pause` and `pool.resume` do to the partitions of one slot. One that is paused is taken from its thread, as soon as
 * its handler is back, and no thread gets it until it is resumed.
 */
export class Pausing {
  readonly #options: PausingOptions

  constructor(options: PausingOptions) {
    this.#options = options
  }

  /** What is paused has changed. Resolves when no handler of what is paused by now is in flight. */
  async obey(): Promise<void> {
    const { holdings, handOut } = this.#options
    const stopping = holdings.putOnHold()
    handOut()
    // Each by itself: one that is resumed waits for no handler of another.
    await Promise.all(stopping.map((holding) => this.#takeBack(holding)))
  }

  async #takeBack({ id }: Holding): Promise<void> {
    const { holdings, incarnations, handOut } = this.#options
    const quiet = await incarnations.revoke([id], Number.POSITIVE_INFINITY)
    // A thread that has died meanwhile does no more, and the next one does not get what is paused.
    if (!quiet || !holdings.takeBack(id)) return
    void incarnations.hand(null, [id])
    handOut() // it may have been resumed meanwhile
  }
}
