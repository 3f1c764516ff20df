import { doubled } from '../../util/backoff.js'

/** What {@link planFetch} needs to know of a partition. Bytes are as they are received, unless they are held. */
export interface FetchCandidate {
  /** Memory that its buffer holds, without the batch that a handler is at. */
  readonly heldBytes: number
  /** What its buffer has behind the message that comes next. */
  readonly waitingBytes: number
  /** With more than that waiting there is no hurry. */
  readonly enoughBytes: number
  /** What to ask for. */
  readonly askBytes: number
  /** With less than that nothing comes, see {@link Appetite}; 0 when that is not known of it. */
  readonly leastBytes: number
  /** Memory for each byte received; 1 or more. */
  readonly expansion: number
  /** The last answer said that nothing more was there. */
  readonly atEnd: boolean
  /** No answer has come yet. */
  readonly fresh: boolean
  /** A retry is due later: nothing more is needed until then. */
  readonly waits: boolean
  /** Nobody knows when it will move: it waits, or a handler has not come back. */
  readonly cannotMove: boolean
}

export interface FetchLimits {
  /** Memory for all these partitions together. */
  readonly bufferBytes: number
  /** For one answer. */
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
}

export interface PlannedPartition<T> {
  readonly candidate: T
  readonly maxBytes: number
}

export interface FetchPlan<T> {
  readonly wanted: readonly PlannedPartition<T>[]
  /** For the whole answer. */
  readonly maxBytes: number
  /**
   * What those of them that have something can bring, or all when none is known to: a broker would wait for more in vain.
   * One byte while anything is fetched for the first time: a first message shall not wait for others.
   */
  readonly bringBytes: number
  /** How much memory the answer may take when it is decoded. */
  readonly roomBytes: number
  /** How many were left out, because enough of them is buffered already or there is no room. */
  readonly leftOut: number
  /** Everybody has enough. */
  readonly isCalm: boolean
  /** Whose buffers are to be let go, because they fill the memory, cannot move, and others have nothing. */
  readonly letGo: readonly T[]
}

/**
 * Which partitions the next Fetch to a node asks for, and how much of each.
 *
 * What is buffered stays below `bufferBytes` but for one batch: while there is any room at all, the first in line that
 * wants something is asked for, and a broker sends its batch however large it is (KIP-74); one that would cut it off is
 * asked for all of it. The others are asked for as far as there is room. Whoever gets something goes to the end of the line, so everybody comes first in turn, and what
 * is buffered is handled sooner or later; so nobody waits for ever. Whoever cannot move stands behind those that can: what
 * comes of it could not be handled now.
 *
 * @param line the partitions in the order in which they wait
 */
export const planFetch = <T extends FetchCandidate>(line: readonly T[], limits: FetchLimits): FetchPlan<T> => {
  const { bufferBytes, maxBytes, maxBytesPerPartition } = limits
  const roomBytes = Math.floor(bufferBytes - line.reduce((sum, { heldBytes }) => sum + heldBytes, 0))
  const shareBytes = bufferBytes / Math.max(1, line.length)
  const hungry = line.filter(
    ({ waitingBytes, enoughBytes, expansion, waits }) =>
      !waits && waitingBytes <= Math.min(enoughBytes, shareBytes / 2 / expansion),
  )
  if (roomBytes <= 0) {
    const isStarving = hungry.some(({ heldBytes, cannotMove }) => heldBytes === 0 && !cannotMove)
    const letGo = isStarving ? line.filter(({ heldBytes, cannotMove }) => heldBytes > 0 && cannotMove) : []
    return { wanted: [], maxBytes: 0, bringBytes: 0, roomBytes: 0, leftOut: line.length, isCalm: false, letGo }
  }
  const wanted: PlannedPartition<T>[] = []
  let leftBytes = roomBytes
  const byUse = [...hungry.filter(({ cannotMove }) => !cannotMove), ...hungry.filter(({ cannotMove }) => cannotMove)]
  for (const candidate of byUse) {
    const { expansion, atEnd, heldBytes, leastBytes } = candidate
    const mostBytes = Math.min(maxBytesPerPartition, maxBytes, Math.max(bufferBytes / expansion, leastBytes))
    const askBytes = Math.ceil(Math.min(candidate.askBytes, mostBytes))
    // Of those that had nothing to give hardly any will: what they bring is bounded by the limit for the answer.
    const costBytes = atEnd ? 0 : askBytes * expansion
    // Little room is not worth a Fetch, but for one that has nothing.
    const isFirst = wanted.length === 0 && heldBytes === 0
    if (costBytes > leftBytes && !isFirst) continue
    leftBytes -= costBytes
    wanted.push({ candidate, maxBytes: askBytes })
  }
  const able = wanted.filter(({ candidate }) => !candidate.atEnd)
  const ableBytes = (able.length > 0 ? able : wanted).reduce((sum, each) => sum + each.maxBytes, 0)
  const [first] = wanted
  const wholeBytes = first === undefined || first.candidate.leastBytes === 0 ? 0 : first.maxBytes
  const answerBytes = Math.max(Math.min(maxBytes, roomBytes), wholeBytes)
  return {
    wanted,
    maxBytes: answerBytes,
    bringBytes: wanted.some(({ candidate }) => candidate.fresh) ? 1 : Math.min(ableBytes, answerBytes),
    roomBytes,
    leftOut: line.length - wanted.length,
    isCalm: hungry.length === 0,
    letGo: [],
  }
}

/** With more than that behind it, the first in line is worth a Fetch of its own. */
const LARGE_BYTES = 1024 * 1024

/**
 * A large first Fetch as two that leave together: one for the first in line, one for the others. So the first message need not
 * wait until the batches of all the others have arrived and are decoded. Each may go over its room by one batch.
 *
 * @returns the plan alone when it is not the first one, or when little can come
 */
export const inTwo = <T extends FetchCandidate>(plan: FetchPlan<T>): readonly FetchPlan<T>[] => {
  const [first, ...others] = plan.wanted
  if (first === undefined || !plan.wanted.every(({ candidate }) => candidate.fresh)) return [plan]
  if (others.reduce((sum, { maxBytes }) => sum + maxBytes, 0) <= LARGE_BYTES) return [plan]
  const maxBytes = plan.maxBytes - first.maxBytes
  const firstRoomBytes = Math.ceil(plan.roomBytes / plan.wanted.length)
  if (maxBytes <= 0) return [plan]
  return [
    { ...plan, wanted: [first], maxBytes: first.maxBytes, roomBytes: firstRoomBytes },
    { ...plan, wanted: others, maxBytes, roomBytes: plan.roomBytes - firstRoomBytes },
  ]
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
  leftOut === 0 ? maxWaitMs : doubled(SHORTEST_WAIT_MS, idleStreak, Math.min(maxWaitMs, SHORT_WAIT_MS))
