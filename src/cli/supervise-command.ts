import { monotonicMs } from '../util/clock.js'
import { commandLog } from './command-log.js'
import { paintFor } from './paint.js'
import { report } from './report.js'
import { onStopSignals } from './stop-signals.js'
import { startPoolProcess } from './supervise/pool-process.js'
import { supervise } from './supervise/supervise.js'

/** The status of a process that was killed may stand there still. */
const ERASE_LINE = '\r\u001b[K'

/**
 * `kafka-consumer-pool run --supervise`.
 *
 * @param args of the command
 * @param logLevel of `--log-level`
 * @returns the exit code of the process
 */
export const superviseCommand = (args: readonly string[], logLevel: string | undefined): Promise<number> => {
  const { stdout } = process
  const screen = { write: (text: string) => stdout.write(ERASE_LINE + text), paint: paintFor(stdout) }
  const own = args.map((arg) => (arg === '--supervise' ? '--supervised' : arg))
  return supervise({
    start: (hear) => startPoolProcess(own, hear),
    ...{ onStopSignals, process, now: monotonicMs, random: Math.random },
    log: commandLog(undefined, logLevel, stdout.isTTY ? screen : null),
    report: (message) => report(new Error(message), message, `kafka-consumer-pool: ${message}`, process),
  })
}
