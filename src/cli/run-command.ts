import { loadConfigFile } from '../config/load-file.js'
import type { ConsumerPoolOptions } from '../config/options.js'
import { resolveConfig } from '../config/resolve.js'
import { ConsumerPool } from '../control/pool.js'
import { PoolError } from '../errors.js'
import { loggerFault } from '../telemetry/logger-fault.js'
import { commandLog } from './command-log.js'
import { ExitCode } from './exit-code.js'
import { LiveStatus } from './live-status.js'
import { paintFor } from './paint.js'
import { poolOptions, type RunFlags } from './pool-options.js'
import { report } from './report.js'
import { runPool } from './run-pool.js'
import { UsageError } from './usage-error.js'

const explain = (error: unknown): string => {
  // Our own errors say in one message what happened and what to do; anything else is a fault that needs its stack.
  if (error instanceof PoolError) return `${error.code}: ${error.message}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * `kafka-consumer-pool run`.
 *
 * @returns the exit code of the process
 * @throws UsageError when the flags make no sense
 */
export const runCommand = async (flags: RunFlags): Promise<ExitCode> => {
  const { stdout, stderr } = process
  const paint = paintFor(stdout)
  const isScreen = stdout.isTTY && process.env.TERM !== 'dumb'
  let live: LiveStatus | undefined
  try {
    const file = await loadConfigFile(flags.config)
    const options = poolOptions(flags, file === null ? null : { ...file.options })
    // It refuses what is faulty, with whatever else is.
    if (loggerFault(options.logger) !== null) resolveConfig(options)
    const log = commandLog(
      options.logger as ConsumerPoolOptions['logger'],
      flags.logLevel,
      stdout.isTTY ? { write: (text) => stdout.write(text), paint } : null,
    )
    const pool = new ConsumerPool({ ...options, logger: log })
    if (isScreen) live = new LiveStatus(pool, stdout, stderr.isTTY ? [stderr] : [], paint)
    return await runPool(pool, log)
  } catch (error) {
    if (error instanceof UsageError) throw error
    live?.close()
    report(error, explain(error), `kafka-consumer-pool: ${explain(error)}`, process)
    return ExitCode.failed
  } finally {
    live?.close()
  }
}
