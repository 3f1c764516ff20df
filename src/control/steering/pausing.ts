import type { Holder, Holding, Holdings } from '../holdings.js'

/** Whoever has the partitions, and what it can be told. */
export interface PausableHolder extends Pick<Holder, 'hand'> {
  /** Nothing of these begins any more. Waits until none of their handlers is in flight. */
  revoke(partitionIds: readonly number[], timeoutMs: number): Promise<boolean>
  /** Waits until no handler of these is in flight that is now, also of what was taken away, or is being given up. */
  still(topic: string, partitions: readonly number[] | null): Promise<void>
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

  /** What is paused has changed. Resolves when that is taken from its thread, each as soon as its handler is back. */
  async obey(): Promise<void> {
    const { holdings, handOut } = this.#options
    const stopping = holdings.putOnHold()
    handOut()
    // Each by itself: one that is resumed waits for no handler of another.
    await Promise.all(stopping.map((holding) => this.#takeBack(holding)))
  }

  /**
   * These were just paused. Resolves when no handler of theirs is in flight, whatever they were held as when it began: they may
   * be somebody else's by now, or have come back, or have been sent elsewhere.
   *
   * @param partitions null for all of the topic
   */
  async stop(topic: string, partitions: readonly number[] | null): Promise<void> {
    const obeyed = this.obey()
    await Promise.all([obeyed, this.#options.incarnations.still(topic, partitions)])
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
