import { type Logger, pino } from 'pino'

/** A line of a logger, as data. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

/** A logger that keeps its lines. */
export const collectLines = (
  level: 'trace' | 'debug' = 'debug',
): { readonly logger: Logger; readonly lines: LogLine[] } => {
  const lines: LogLine[] = []
  return { lines, logger: pino({ level }, { write: (line) => lines.push(JSON.parse(line) as LogLine) }) }
}
