import { partitionName } from '../util/partition-name.js'
import type { Color, Paint } from './paint.js'
import { printable } from './printable.js'

/** What pino writes, parsed. */
type Entry = Readonly<Record<string, unknown>>

const LEVELS: readonly (readonly [from: number, label: string, color: Color])[] = [
  [60, 'FATAL', 'red'],
  [50, 'ERROR', 'red'],
  [40, 'WARN ', 'yellow'],
  [30, 'INFO ', 'green'],
  [20, 'DEBUG', 'cyan'],
  [0, 'TRACE', 'dim'],
]

/** Shown in a place of their own, or the same on every line. */
const PLACED = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'slot', 'err'])

/** Long, and only of use beside the broker's own logs: they are in the JSON that a pipe gets. */
const LONG_WINDED = new Set(['memberId', 'threadId'])

const DEBUG = 20
const SLOT_WIDTH = 'slot 00'.length
const INDENT = '             '

const isRecord = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `topic-partition@offset`, as people write it, when the object is about one. */
const coordinates = ({ topic, partition, offset }: Entry): string | null =>
  typeof topic === 'string' && typeof partition === 'number'
    ? `${partitionName({ topic, partition })}${offset === undefined ? '' : `@${String(offset)}`}`
    : null

const formatValue = (value: unknown): string => {
  if (typeof value === 'string') return value !== '' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(formatValue).join(' ')}]`
  return (isRecord(value) ? coordinates(value) : null) ?? JSON.stringify(value) ?? String(value)
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0)

/** The fields behind the message, as `name=value`. */
const fields = (entry: Entry, all: boolean): string => {
  const where = coordinates(entry)
  const gathered = new Set(where === null ? [] : ['topic', 'partition', 'offset'])
  const rest = Object.entries(entry)
    .filter(([name, value]) => !PLACED.has(name) && !gathered.has(name) && !isEmpty(value))
    .filter(([name]) => all || !LONG_WINDED.has(name))
    .map(([name, value]) => `${name}=${formatValue(value)}`)
  return [...(where === null ? [] : [where]), ...rest].join(' ')
}

const isFrame = (line: string): boolean => /^\s+at /.test(line)

/** Our own errors say all in their message; their stack is ours and tells the user nothing. That of a cause does. */
const errorLines = (error: unknown): string[] => {
  if (!isRecord(error)) return error === undefined ? [] : [formatValue(error)]
  const { type, name = type, code, message, stack, cause } = error
  const label = typeof code === 'string' ? code : String(name ?? 'Error')
  const said = `${label}: ${typeof message === 'string' ? message : formatValue(error)}`
  const frames = name === 'PoolError' || typeof stack !== 'string' ? [] : stack.split('\n').filter(isFrame)
  const [because, ...deeper] = errorLines(cause)
  return [...said.split('\n'), ...frames, ...(because === undefined ? [] : [`caused by ${because}`, ...deeper])]
}

const clock = (time: unknown): string => {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN)
  if (Number.isNaN(date.getTime())) return '--:--:--.---'
  const two = (value: number) => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}

const parse = (line: string): Entry | null => {
  try {
    const entry: unknown = JSON.parse(line)
    return isRecord(entry) ? entry : null
  } catch {
    return null
  }
}

/**
 * One line of pino's JSON as a line for people: local time, level, slot, message, and the fields that matter. What an
 * error has to say stands indented below. A line that is no JSON comes back as it is.
 */
export const formatLogLine = (line: string, paint: Paint): string => {
  const entry = parse(line)
  if (entry === null) return line
  const level = typeof entry.level === 'number' ? entry.level : 30
  const [, label, color] = LEVELS.find(([from]) => level >= from) ?? ([0, 'TRACE', 'dim'] as const)
  const slot = (entry.slot === undefined ? '' : `slot ${String(entry.slot)}`).padEnd(SLOT_WIDTH)
  const message = printable(String(entry.msg ?? '')).replaceAll('\n', `\n${INDENT}`)
  const more = printable(fields(entry, level <= DEBUG))
  const head = `${paint('dim', clock(entry.time))} ${paint(color, label)} ${paint('cyan', slot)} ${message}`
  const below = errorLines(entry.err).map(
    (text, index) => `${INDENT}${paint(index === 0 ? color : 'dim', printable(text))}`,
  )
  return `${[more === '' ? head : `${head}  ${paint('dim', more)}`, ...below].join('\n')}\n`
}
