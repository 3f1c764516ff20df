import type { Logger } from 'pino'
import type { ConsumerPool } from '../control/pool.js'
import { deferred } from '../util/deferred.js'
import { ExitCode } from './exit-code.js'
import { onStopSignals, type StopSignal } from './stop-signals.js'
import type { SupervisorLink } from './supervise/link.js'

/**
 * Runs a pool until somebody stops it or it gives up, and stops it in order.
 *
 * @param link to whoever supervises this process; null when nobody does
 * @returns the exit code of the process
 * @throws what `pool.start()` rejects with
 */
export const runPool = async (
  pool: ConsumerPool,
  log: Logger,
  link: SupervisorLink | null = null,
): Promise<ExitCode> => {
  const verdict = deferred<ExitCode>()
  pool.once('pool:escalated', () => verdict.resolve(ExitCode.escalated))
  pool.once('pool:stopped', ({ drained }) => {
    if (!drained)
      log.warn(
        'not every message in flight was finished in time: those that were not are handled again at the next start',
      )
  })
  const stop = (signal: StopSignal | null): void => {
    const isMember = pool.status().slots.some(({ seat }) => seat.memberId !== '')
    const price = isMember ? '; the next start then waits until its members are dropped' : ''
    if (signal === null)
      log.warn('stopping: the process that supervises this one is gone. What is in flight may finish')
    else
      log.info({ signal }, `stopping: what is in flight may finish. A second signal ends the process at once${price}`)
    verdict.resolve(ExitCode.ok)
  }
  const release = link === null ? onStopSignals(stop) : link.onStop(stop)
  const run = async (): Promise<ExitCode> => {
    await pool.start()
    await link?.say({ type: 'running' })
    return verdict.promise
  }
  try {
    // Whoever is asked to stop need not wait for the start; that the start then fails is no news.
    const code = await Promise.race([verdict.promise, run()])
    await pool.stop()
    return code
  } finally {
    release()
  }
}
