import type { Logger } from 'pino'
import type { RestartConfig } from '../../config/resolved.js'
import { type CrashHistory, NO_CRASHES } from '../../control/supervision/restarts.js'
import { after } from '../../util/timers.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { ExitCode } from '../exit-code.js'
import type { onStopSignals, StopSignal, StopSignalPorts } from '../stop-signals.js'
import type { FromPool } from './messages.js'
import type { Exit, PoolProcess } from './pool-process.js'
import { verdictOn } from './verdict.js'

export interface SuperviseOptions {
  /** Starts the process of the pool. */
  readonly start: (hear: (message: FromPool) => void) => PoolProcess
  readonly onStopSignals: typeof onStopSignals
  readonly process: StopSignalPorts['process']
  readonly log: Pick<Logger, 'error'>
  /** Says why the supervisor gives up, beside the log. */
  readonly report: (message: string) => void
  /** Monotonic. */
  readonly now: () => number
  readonly random: () => number
}

/** The defaults of option `restart`, for a process that has died before it said what it has. */
export const UNTOLD: RestartConfig = {
  delayMs: 1_000,
  maxDelayMs: 60_000,
  healthyAfterMs: 120_000,
  maxRestarts: 8,
  maxPoolRestarts: 10,
  windowMs: 300_000,
  probeMs: 60_000,
}

/** A process that is to end at once, and does not, is killed. */
const END_MS = 1_000

const howOf = ({ code, signal, error }: Exit): string => {
  if (error !== undefined) return `could not be started: ${error.message}`
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
}

const duration = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`)

/**
 * Runs the pool in a process of its own, and starts that again when it dies. It owns nothing else: the process has its
 * input, its output and its signals.
 *
 * @returns the exit code
 */
export const supervise = async (options: SuperviseOptions): Promise<number> => {
  const { start, log, report, now, random } = options
  const sleep = new WakeableSleep()
  let history: CrashHistory = NO_CRASHES
  let restart = UNTOLD
  let hasRun = false
  let isStopping = false
  let endCode: number | null = null
  let current: PoolProcess | null = null
  const stop = (signal: StopSignal): void => {
    isStopping = true
    current?.send({ type: 'stop', signal })
    sleep.wake()
  }
  const end = (code: number): void => {
    if (endCode !== null) return
    endCode = code
    const ending = current
    ending?.send({ type: 'end', code })
    const killing = after(() => ending?.kill(), END_MS)
    void ending?.exited.then(() => clearTimeout(killing))
  }
  const release = options.onStopSignals(stop, { process: forwarding(options.process, end), now })

  /** From the start of one process to its end. */
  const live = async () => {
    let runningSinceMs: number | null = null
    let isRefused = false
    current = start((message) => {
      if (message.type === 'configured') restart = message.restart
      else if (message.type === 'refused') isRefused = true
      else if (message.type === 'running') {
        runningSinceMs = now()
        hasRun = true
      }
    })
    const { pid } = current
    const exit = await current.exited
    current = null
    return { pid, exit, isRefused, healthyMs: runningSinceMs === null ? 0 : now() - runningSinceMs }
  }

  try {
    for (;;) {
      const { pid, exit, isRefused, healthyMs } = await live()
      if (endCode !== null) return endCode
      const { code, signal } = exit
      const circumstances = { history, restart, hasRun, isStopping, nowMs: now(), random: random() }
      const verdict = verdictOn({ code, signal, healthyMs, isRefused }, circumstances)
      if (verdict.action === 'exit') return verdict.code
      history = verdict.history
      const { inARow } = history
      const how = howOf(exit)
      if (verdict.action === 'give-up') {
        const close = `${inARow} times in a row, with less than ${duration(restart.healthyAfterMs)} of work in between`
        const often = inARow === 1 ? 'once, and restart.maxRestarts is 1' : close
        report(
          `giving up: the process of the pool has died ${often}; the last one ${how}. Look into the log for what came before`,
        )
        return ExitCode.escalated
      }
      const { delayMs } = verdict
      const then = delayMs === 0 ? 'now' : `in ${duration(delayMs)}`
      log.error(
        { poolPid: pid, code, signal, inARow, restartInMs: delayMs },
        `the process of the pool ${how}; it is started again ${then}`,
      )
      if (delayMs > 0) await sleep.for(delayMs)
      if (isStopping) return ExitCode.ok
    }
  } finally {
    release()
  }
}

const forwarding = (process: StopSignalPorts['process'], exit: (code: number) => void): StopSignalPorts['process'] => ({
  on: process.on.bind(process),
  off: process.off.bind(process),
  exit,
})
