/** Whose suspects they are. */
export interface TrialBook {
  /** Whether the message of that partition may have killed the process, and is not finished or convicted yet. */
  isOnProcessTrial(partition: string): boolean
}

/**
 * Of the messages that may have killed the whole process one at a time is handled in it, whatever the group and the slot: so if
 * it dies again, that one is known.
 */
export class ProcessTrial {
  #turn: { readonly book: TrialBook; readonly partition: string } | null = null

  /** Whether it is the turn of this partition. */
  mayTry(book: TrialBook, partition: string): boolean {
    if (this.#turn !== null && !this.#turn.book.isOnProcessTrial(this.#turn.partition)) this.#turn = null
    this.#turn ??= { book, partition }
    return this.#turn.book === book && this.#turn.partition === partition
  }

  /** The partition is not here any more, or stands still. */
  leave(book: TrialBook, partition: string): void {
    if (this.#turn?.book === book && this.#turn.partition === partition) this.#turn = null
  }
}
