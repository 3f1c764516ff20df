import type { Logger } from 'pino'
import type { PoolSettings } from '../../config/resolved.js'
import type { HookName } from '../../protocol/ledger.js'
import { within } from '../../util/within.js'
import type { Incarnations } from './incarnations.js'

/** How long a thread may take to close its client and return, before it is ended. */
const GOODBYE_MS = 350
/** How long `teardown` of the handler's module may take at the least, whatever `drainTimeoutMs` says. */
export const TEARDOWN_MS = 1_000

/** How long `setup` and `teardown` of the handler's module may take. */
export const hookLimits = ({
  loadTimeoutMs,
  drainTimeoutMs,
}: Pick<PoolSettings, 'loadTimeoutMs' | 'drainTimeoutMs'>): Readonly<Record<HookName, number>> => ({
  setup: loadTimeoutMs,
  teardown: Math.max(drainTimeoutMs, TEARDOWN_MS),
})

/**
 * Ends the thread that fills a slot, kindly at first. One that will not die is not waited for.
 *
 * @param teardownMs how long `teardown` of the handler's module may take; 0 when a handler is still in flight
 * @param retires whether no other slot may get the thread
 */
export const sayGoodbye = async (
  { current, loaded }: Pick<Incarnations, 'current' | 'loaded'>,
  teardownMs: number,
  log: Logger,
  { retires = false } = {},
): Promise<void> => {
  if (current === null) return
  if (retires) current.retire()
  const hasTime = loaded && teardownMs > 0
  // The thread itself gives a teardown up first, if that does not block it, and says so.
  const patienceMs = hasTime ? teardownMs + GOODBYE_MS : GOODBYE_MS
  if (!(await within(current.stop(patienceMs), patienceMs + GOODBYE_MS))) return
  const { reason, error } = await current.exited
  if (!hasTime || reason === 'stopped') return
  const what = 'the thread did not come to its end while teardown of its handler had time'
  log.error({ err: error }, `${what}: look what it waits for, or raise drainTimeoutMs`)
}
