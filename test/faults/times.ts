/** What the pools under test are configured with, in milliseconds. All bounds come from here. */
export const TIMES = {
  session: 6_000,
  heartbeat: 500,
  rebalance: 15_000,
  request: 10_000,
  maxProcessing: 3_000,
  terminate: 1_000,
  drain: 5_000,
  load: 60_000,
  commit: 200,
  restartDelay: 500,
  restartMaxDelay: 4_000,
  probe: 2_000,
} as const

/** For how long a rebalance of eager members waits for handlers in flight: see `releaseTimes`. */
export const RELEASE_MS = TIMES.session / 3

/** How many deaths convict a message. */
export const CONVICT_AFTER = 3

/** A member that is held up for so long within a session may be thrown out, or end a handler, that nobody has harmed. */
export const STARVED_MS = TIMES.session / 2

/** What `pool.stop()` promises. */
export const STOP_MS = TIMES.drain + 3_000
/** How much later its answer may come on a machine that is ten times as slow. */
export const SLACK_MS = 5_000

/**
 * Until all partitions move again, from the end of the fault. In each of them is the time that a thread may take to boot,
 * which a machine may take that is many times as slow as another.
 */
export const BOUNDS = {
  /** A handler failed, and is tried again. */
  retry: TIMES.load,
  /** A thread is replaced. */
  thread: TIMES.load,
  /** It did not come back, or did not die. */
  hung: TIMES.maxProcessing + TIMES.terminate + TIMES.load,
  /** It died again and again. */
  backOff: TIMES.restartMaxDelay * 4 + TIMES.load,
  /** Some pool's process died again and again of what it must find out, and was started again. */
  processes: (2 * CONVICT_AFTER + 1) * (TIMES.session + TIMES.restartMaxDelay + TIMES.rebalance) + TIMES.load,
  /** Connections are opened anew, and the membership holds. */
  connection: TIMES.request * 2 + TIMES.load,
  /** A membership is over, and somebody takes over: the session ends, the group rebalances, threads connect. */
  membership: TIMES.session + TIMES.rebalance + TIMES.load,
} as const

/** How long a fault may wait for what it needs, such as the start of another pool. */
export const PATIENCE_MS = 3 * TIMES.load

/** For how long messages may wait and nothing move while a pool calls itself `running`. */
export const STANDSTILL_MS = 2 * TIMES.session
