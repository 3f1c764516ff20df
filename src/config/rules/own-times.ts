/*
 * Times that the pool itself takes and that no option changes. They stand here because options must leave room for them.
 */

/** How long a rebalance waits for a busy handler before the seat joins without it. */
export const RELEASE_WAIT_MS = 3_000
/**
 * How long a rebalance waits for a dead letter, from when its write began: one that takes longer has a slow broker or none,
 * and the whole group would wait for that.
 */
export const LETTER_WAIT_MS = 1_000
/** How long a commit may hold up a rebalance. */
export const COMMIT_WAIT_MS = 700
/** From hearing of a rebalance until the seat joins again, at most. */
export const RELEASE_MS = RELEASE_WAIT_MS + COMMIT_WAIT_MS
/** A parked slot is tried again at least so often, unless `probeMs` is longer. */
export const MAX_PROBE_MS = 600_000
/** How many threads of one pool may be restarted in any second, whatever the slots' own delays say. */
export const RESTARTS_PER_SECOND = 20
/** The longest that waiting may take before something is given up; what takes longer might as well never happen. */
export const A_DAY_MS = 86_400_000
