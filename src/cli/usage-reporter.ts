import { report } from './report.js'
import { UsageError } from './usage-error.js'

/**
 * Says what is wrong with the command line, in commander's words: `error: unknown option '--wrokers'`.
 *
 * @param command whose help says more
 */
export const usageReporter =
  (command: string) =>
  (text: string): void => {
    const more = `(kafka-consumer-pool ${command} --help says more)`
    const said = text.trimEnd()
    const message = `${said.replace(/^error: /, '').replaceAll('\n', ' ')} ${more}`
    report(new UsageError(message), message, `${said}\n${more}`, process)
  }
