import { createLogger } from '../telemetry/logger.js'

type Streams = Pick<NodeJS.Process, 'stdout' | 'stderr'>

/** Whether a person sees what is written, on one of the two at least. */
const isWatched = ({ stdout, stderr }: Streams): boolean => stdout.isTTY || stderr.isTTY

/**
 * Says on standard error why the command ends: for a person `text`; where nobody looks on, a line like those of the log,
 * so that whatever reads those can read it.
 */
export const report = (error: unknown, message: string, text: string, streams: Streams): void => {
  const { stderr } = streams
  if (isWatched(streams)) stderr.write(`${text}\n`)
  else createLogger(undefined, { write: (line) => stderr.write(line) }).fatal({ err: error }, message)
}
