import type { RestartConfig } from '../../config/resolved.js'
import { afterCrash, type CrashHistory, decideRestart } from '../../control/supervision/restarts.js'
import { ExitCode } from '../exit-code.js'
import { STOP_SIGNALS, signalCode } from '../stop-signals.js'

/*
 * What a supervisor does when the process of the pool has ended: pure.
 *
 *   somebody wanted that (a stop, of either of the two), or it gave up by itself ─► the supervisor ends with its exit code
 *   it cannot use its configuration, or the first one could not start ───────────► the same
 *   everything else ─► started again, by the policy for slots; where a slot would be parked the supervisor gives up
 */

/** How the process of a pool ended. */
export interface Ending {
  /** Its exit code; null when a signal ended it, or when it could not be started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** For how long its pool had run. */
  readonly healthyMs: number
  /** Its configuration was refused. */
  readonly isRefused: boolean
}

/** What is known of those before it, and of what is wanted. */
export interface Circumstances {
  readonly history: CrashHistory
  readonly restart: RestartConfig
  /** A pool of this supervisor has run. */
  readonly hasRun: boolean
  /** The supervisor was asked to stop. */
  readonly isStopping: boolean
  readonly nowMs: number
  /** From 0 to 1. */
  readonly random: number
}

export type Verdict =
  | { readonly action: 'exit'; readonly code: number }
  | { readonly action: 'restart'; readonly delayMs: number; readonly history: CrashHistory }
  | { readonly action: 'give-up'; readonly history: CrashHistory }

/** Somebody wanted it to end, or it gave up itself. */
const ENDS: readonly number[] = [ExitCode.ok, ExitCode.escalated, ...STOP_SIGNALS.map(signalCode)]

/** What the exit code of the supervisor says in the place of the process. */
const exitCodeOf = ({ code, signal }: Ending): number =>
  code ?? (signal === null ? ExitCode.failed : signalCode(signal))

export const verdictOn = (ending: Ending, circumstances: Circumstances): Verdict => {
  const { restart, hasRun, isStopping, nowMs, random } = circumstances
  const code = exitCodeOf(ending)
  const cannotStart = ending.code === ExitCode.failed && (ending.isRefused || !hasRun)
  if (isStopping || ENDS.includes(code) || cannotStart) return { action: 'exit', code }
  // Whether its pool had finished anything is of no account: it may have died of the same message each time.
  const crash = { atMs: nowMs, fruitful: false, healthyMs: ending.healthyMs }
  const history = afterCrash(circumstances.history, crash, restart)
  const decision = decideRestart(history, restart, random)
  return decision.action === 'park' ? { action: 'give-up', history } : { ...decision, history }
}
