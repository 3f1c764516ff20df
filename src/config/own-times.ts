/*
 * Times that the pool itself takes and that no option changes. They stand here because options must leave room for them.
 */

/** How long a rebalance waits for a busy handler before the seat joins without it. */
export const RELEASE_WAIT_MS = 3_000
/** How long a commit may hold up a rebalance. */
export const COMMIT_WAIT_MS = 700
/** From hearing of a rebalance until the seat joins again, at most. */
export const RELEASE_MS = RELEASE_WAIT_MS + COMMIT_WAIT_MS
/** A parked slot is tried again at least so often, unless `probeMs` is longer. */
export const MAX_PROBE_MS = 600_000
