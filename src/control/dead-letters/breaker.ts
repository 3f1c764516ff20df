/** Dead letters of one partition without a message between them that was finished. */
export interface Row {
  readonly count: number
  /** Up to where the partition was finished when the last one was stored. */
  readonly upTo: bigint
}

/**
 * How many dead letters in a row the next one makes.
 *
 * @param before null when there was none
 * @param follows whether its thread has finished nothing of the partition since the last one, as far as it knows: a new
 *   thread knows nothing
 * @param finishedUpTo the offset of its message
 */
export const countInARow = (before: Row | null, follows: boolean, finishedUpTo: bigint): number =>
  before !== null && (follows || before.upTo === finishedUpTo) ? before.count + 1 : 1
