import type { SlotConfig } from '../resolved.js'

/** Threads that Node has for native asynchronous work, all threads of the process together, unless it is told otherwise. */
const NODES_OWN = 4
/** libuv takes no more. */
const MOST = 1024

/**
 * What to say where handlers may keep those threads from everything else that needs one, or null.
 *
 * @param configured the environment variable `UV_THREADPOOL_SIZE`; whoever sets it knows
 */
export const nativeThreadsHint = (
  slots: readonly Pick<SlotConfig, 'concurrency'>[],
  configured: string | undefined,
): string | null => {
  if (configured) return null
  // Of one message after the other nobody knows whether its handler is asynchronous; where others are, it counts as such.
  if (slots.every(({ concurrency }) => concurrency === 1)) return null
  const inFlight = slots.reduce((sum, { concurrency }) => sum + concurrency, 0)
  if (inFlight <= NODES_OWN) return null
  const enough = Math.min(inFlight + NODES_OWN, MOST)
  return `up to ${inFlight} messages are in flight at once (concurrency), and Node has ${NODES_OWN} threads in all for native asynchronous work: crypto, zlib, files, and the names of hosts. If the handlers use these, start the process with the environment variable UV_THREADPOOL_SIZE=${enough}; with any value (${NODES_OWN} is Node's own) this is not said again`
}
