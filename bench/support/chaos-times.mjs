/** What the members of chaos.mjs are set to, and what its judge grants them; in ms. */
export const TIMES = {
  sessionMs: 10_000,
  heartbeatMs: 1_000,
  /** A pool's `commitIntervalMs`, which is left at its default. */
  commitMs: 1_000,
  /** What a commit may take while all nodes are there: a rebalance may be on, during which the coordinator takes none. */
  commitTakesMs: 3_000,
}
