import { loadConfigFile } from '../config/load-file.js'
import type { ConsumerPoolOptions } from '../config/options.js'
import { resolveConfig } from '../config/resolve.js'
import { ConsumerPool } from '../control/pool.js'
import { ConfigError, PoolError } from '../errors.js'
import { loggerFault } from '../telemetry/logger-fault.js'
import { commandLog } from './command-log.js'
import { ExitCode } from './exit-code.js'
import { isScreen } from './live-line.js'
import { LiveStatus } from './live-status.js'
import { paintFor } from './paint.js'
import { poolOptions, type RunFlags } from './pool-options.js'
import { report } from './report.js'
import { runPool } from './run-pool.js'
import type { SupervisorLink } from './supervise/link.js'
import { UsageError } from './usage-error.js'

/** @param file the configuration file that was read: who has found it in a folder above may not know of it */
const explain = (error: unknown, file: string | undefined): string => {
  const origin = error instanceof ConfigError && file !== undefined ? `\nThe configuration file is ${file}` : ''
  // Our own errors say in one message what happened and what to do; anything else is a fault that needs its stack.
  if (error instanceof PoolError) return `${error.code}: ${error.message}${origin}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * `kafka-consumer-pool run`.
 *
 * @param link to whoever supervises this process; null when nobody does
 * @returns the exit code of the process
 * @throws UsageError when the flags make no sense
 */
export const runCommand = async (flags: RunFlags, link: SupervisorLink | null = null): Promise<ExitCode> => {
  const { stdout, stderr } = process
  const paint = paintFor(stdout)
  let live: LiveStatus | undefined
  let filepath: string | undefined
  try {
    const file = await loadConfigFile(flags.config)
    filepath = file?.filepath
    const options = poolOptions(flags, file === null ? null : { ...file.options })
    // It refuses what is faulty, with whatever else is.
    if (loggerFault(options.logger) !== null) resolveConfig(options)
    const log = commandLog(
      options.logger as ConsumerPoolOptions['logger'],
      flags.logLevel,
      stdout.isTTY ? { write: (text) => stdout.write(text), paint } : null,
    )
    const pool = new ConsumerPool({ ...options, logger: log })
    if (link !== null) await link.say({ type: 'configured', restart: resolveConfig(options).pool.restart })
    if (filepath !== undefined) log.info({ file: filepath }, 'configuration file')
    if (isScreen(stdout)) live = new LiveStatus(pool, stdout, stderr.isTTY ? [stderr] : [], paint)
    return await runPool(pool, log, link)
  } catch (error) {
    if (error instanceof UsageError || error instanceof ConfigError) await link?.say({ type: 'refused' })
    if (error instanceof UsageError) throw error
    live?.close()
    const reason = explain(error, filepath)
    report(error, reason, `kafka-consumer-pool: ${reason}`, process)
    return ExitCode.failed
  } finally {
    live?.close()
  }
}
