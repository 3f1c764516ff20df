import type { TopicPartition } from '../../kafka/metadata.js'
import { partitionName } from '../../util/partition-name.js'
import type { Holder, Holding } from '../holdings.js'
import { AssignmentTaker, type Taken, type TakerOptions } from './assignment-taker.js'

export interface AssignmentOptions extends TakerOptions {
  readonly incarnations: Holder
  /** A part of the assignment is held; `removed` is what was taken away since this was told last. */
  readonly onTaken: (added: readonly TopicPartition[], removed: readonly TopicPartition[]) => void
  /** The thread has taken that part up too, if there is a thread. */
  readonly onHandedOut: () => void
}

/** What a slot is assigned in the current generation: brings it into the holdings and to the thread. */
export class Assignment {
  readonly #options: AssignmentOptions
  readonly #taker: AssignmentTaker
  #inForce = false
  #isComplete = false
  /** What was taken away, and nobody was told yet: the next generation may come before that. */
  #gone: readonly TopicPartition[] = []

  constructor(options: AssignmentOptions) {
    this.#options = options
    this.#taker = new AssignmentTaker(options)
  }

  /** True when the assignment of the current generation is held. */
  get inForce(): boolean {
    return this.#inForce
  }

  /** True when nothing of it is missing in the holdings. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** No part that is still being looked up will be taken. */
  cancel(): void {
    this.#taker.cancel()
  }

  /**
   * A new generation begins.
   *
   * @param follows false when others may have had in between what is held
   */
  begin(partitions: readonly TopicPartition[], follows: boolean): void {
    this.#keep(partitions, follows)
    this.#take(partitions)
  }

  /** A new generation begins for a slot that stops: what it keeps may come to its end, what is added waits for others. */
  keep(partitions: readonly TopicPartition[], follows: boolean): void {
    this.#keep(partitions, follows)
  }

  /** The membership is over, and with it everything that was assigned. */
  lose(): void {
    const { holdings, incarnations } = this.#options
    this.#taker.cancel()
    this.#inForce = false
    this.#isComplete = false
    this.#tellRemoved(holdings.drop(() => false))
    incarnations.goOn()
  }

  /**
   * Keeps what is assigned again. What somebody else may have had in between is not kept: they may have committed more than
   * is known here.
   */
  #keep(partitions: readonly TopicPartition[], follows: boolean): void {
    const { holdings, incarnations } = this.#options
    const wanted = new Set(partitions.map(partitionName))
    const isWanted = (partition: TopicPartition) => wanted.has(partitionName(partition))
    this.#gone = [...this.#gone, ...holdings.all()].filter((partition) => !isWanted(partition))
    if (!follows) this.lose()
    // What was given up and comes back is taken anew: nothing of it begins any more as it is held now.
    this.#tellRemoved(holdings.drop((holding) => isWanted(holding) && !holding.leaving))
    this.#isComplete = false
    incarnations.goOn()
  }

  #take(partitions: readonly TopicPartition[]): void {
    void this.#taker.take(partitions, (taken) => {
      this.#isComplete = taken.complete
      this.#inForce = true
      const removed = this.#gone
      this.#gone = []
      this.#options.onTaken(taken.added, removed)
      void this.#handOut(taken)
    })
  }

  async #handOut({ handout, added }: Taken): Promise<void> {
    const { incarnations, onHandedOut } = this.#options
    if (added.length === 0 || (await incarnations.hand(handout, []))) onHandedOut()
  }

  #tellRemoved(removed: readonly Holding[]): void {
    if (removed.length === 0) return
    const ids = removed.map(({ id }) => id)
    void this.#options.incarnations.hand(null, ids)
  }
}
