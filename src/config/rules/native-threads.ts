import type { PoolSettings, SlotConfig } from '../resolved.js'

/** Threads that Node has for native asynchronous work, all threads of the process together, unless it is told otherwise. */
const NODES_OWN = 4
/** libuv takes no more. */
const MOST = 1024

type Slots = readonly Pick<SlotConfig, 'concurrency'>[]

const sumOf = (slots: Slots): number => slots.reduce((sum, { concurrency }) => sum + concurrency, 0)
/** Where each slot has a process, it has threads of its own. */
const mostOf = (slots: Slots): number => Math.max(...slots.map(({ concurrency }) => concurrency))

/**
 * What to say where handlers may keep those threads from everything else that needs one, or null.
 *
 * @param configured the environment variable `UV_THREADPOOL_SIZE`; whoever sets it knows
 */
export const nativeThreadsHint = (
  slots: Slots,
  configured: string | undefined,
  isolation: PoolSettings['isolation'] = 'thread',
): string | null => {
  if (configured) return null
  // Of one message after the other nobody knows whether its handler is asynchronous; where others are, it counts as such.
  if (slots.every(({ concurrency }) => concurrency === 1)) return null
  const inFlight = isolation === 'process' ? mostOf(slots) : sumOf(slots)
  if (inFlight <= NODES_OWN) return null
  const enough = Math.min(inFlight + NODES_OWN, MOST)
  const where = isolation === 'process' ? 'in each process' : 'in all'
  return `up to ${inFlight} messages are in flight at once (concurrency), and Node has ${NODES_OWN} threads ${where} for native asynchronous work: crypto, zlib, files, and the names of hosts. If the handlers use these, start the process with the environment variable UV_THREADPOOL_SIZE=${enough}; with any value (${NODES_OWN} is Node's own) this is not said again`
}
