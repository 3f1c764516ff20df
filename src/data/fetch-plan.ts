/** What {@link planFetch} needs to know of a partition. */
export interface FetchCandidate {
  readonly bufferedBytes: number
  /** Bytes in memory for each byte asked for; 1 or more. */
  readonly expansion: number
}

export interface FetchLimits {
  /** Memory for all partitions of the slot together. */
  readonly bufferBytes: number
  /** Among how many partitions it is divided. */
  readonly partitions: number
  readonly maxBytesPerPartition: number
}

export interface PlannedPartition<T> {
  readonly candidate: T
  readonly maxBytes: number
}

export interface FetchPlan<T> {
  readonly wanted: readonly PlannedPartition<T>[]
  /** How many were left out because enough of them is buffered already. */
  readonly leftOut: number
}

/**
 * Which partitions the next Fetch to a node asks for, and how much of each.
 *
 * Each partition has an equal share of the buffer and is asked for while half of its share is free, so the sum stays
 * bounded whatever their number. A broker ignores `maxBytes` for the first partition that has anything (KIP-74), which
 * is how a batch larger than its share gets through; so everybody has to come first in turn.
 *
 * @param turn number of the Fetch; the order is rotated by it
 */
export const planFetch = <T extends FetchCandidate>(
  candidates: readonly T[],
  turn: number,
  limits: FetchLimits,
): FetchPlan<T> => {
  const shareBytes = limits.bufferBytes / Math.max(1, limits.partitions)
  const first = candidates.length === 0 ? 0 : turn % candidates.length
  const inTurn = [...candidates.slice(first), ...candidates.slice(0, first)]
  const wanted = inTurn
    .filter(({ bufferedBytes }) => bufferedBytes <= shareBytes / 2)
    .map((candidate) => {
      const roomBytes = Math.floor((shareBytes - candidate.bufferedBytes) / candidate.expansion)
      return { candidate, maxBytes: Math.max(1, Math.min(limits.maxBytesPerPartition, roomBytes)) }
    })
  return { wanted, leftOut: candidates.length - wanted.length }
}

const SHORTEST_WAIT_MS = 5
const SHORT_WAIT_MS = 100

/**
 * How long the broker may hold the Fetch. While partitions are left out it must come back soon, because it is what they
 * wait for: the sooner, the sooner the handler has emptied a buffer.
 *
 * @param idleStreak how many answers in a row brought nothing since a buffer last had room again
 */
export const fetchWaitMs = (leftOut: number, idleStreak: number, maxWaitMs: number): number =>
  leftOut === 0 ? maxWaitMs : Math.min(maxWaitMs, SHORT_WAIT_MS, SHORTEST_WAIT_MS * 2 ** Math.min(idleStreak, 10))
