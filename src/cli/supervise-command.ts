import { monotonicMs } from '../util/clock.js'
import { commandLog } from './command-log.js'
import { ERASE_LINE, isScreen } from './live-line.js'
import { paintFor } from './paint.js'
import { report } from './report.js'
import { onStopSignals } from './stop-signals.js'
import { type PoolProcess, startPoolProcess } from './supervise/pool-process.js'
import { supervise } from './supervise/supervise.js'

/** Takes away the status that stands in the last line still when a process was killed, before anybody hears of its end. */
export const withoutStatus = (started: PoolProcess, screen: Pick<NodeJS.WriteStream, 'write'>): PoolProcess => ({
  ...started,
  exited: started.exited.finally(() => screen.write(ERASE_LINE)),
})

/**
 * `kafka-consumer-pool run --supervise`.
 *
 * @param args of the command
 * @param logLevel of `--log-level`
 * @returns the exit code of the process
 */
export const superviseCommand = (args: readonly string[], logLevel: string | undefined): Promise<number> => {
  const { stdout } = process
  const screen = { write: (text: string) => stdout.write(text), paint: paintFor(stdout) }
  const own = args.map((arg) => (arg === '--supervise' ? '--supervised' : arg))
  return supervise({
    start: (hear) => {
      const started = startPoolProcess(own, hear)
      return isScreen(stdout) ? withoutStatus(started, stdout) : started
    },
    ...{ onStopSignals, process, now: monotonicMs, random: Math.random },
    log: commandLog(undefined, logLevel, stdout.isTTY ? screen : null),
    report: (message) => report(new Error(message), message, `kafka-consumer-pool: ${message}`, process),
  })
}
