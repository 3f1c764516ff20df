import { formatCount } from '../numbers.js'
import { oneLine } from './bytes.js'
import { type ConnectionFlags, withClient } from './connection.js'
import { type Letter, replaysOf } from './letter.js'
import { print } from './output.js'
import { positionName } from './positions.js'
import { Progress } from './progress.js'
import { scan } from './scan.js'
import { isMeant, rangesFor, type SelectionFlags } from './selection.js'
import { Summary } from './summary.js'

export interface ListFlags extends ConnectionFlags, SelectionFlags {
  readonly limit: number
  readonly json?: boolean
}

const saidOf = ({ said }: Letter, name: string): string => oneLine(Buffer.from(said.get(name) ?? ''), 100)

const timeOf = ({ raw }: Letter): string => {
  const ms = Number(raw.timestamp)
  return Math.abs(ms) <= 8.64e15 && ms >= 0 ? new Date(ms).toISOString() : ''
}

const row = (letter: Letter): readonly string[] => {
  const { source } = letter
  const from = source === null ? 'no dead letter' : `${source.topic}-${source.partition}@${source.offset}`
  const replays = replaysOf(letter)
  const reason = `${saidOf(letter, 'reason')}${replays === 0 ? '' : `, replayed ${replays}×`}`
  const error = source === null ? '' : `${saidOf(letter, 'error-class')}: ${saidOf(letter, 'error-message')}`
  return [positionName(letter), timeOf(letter), oneLine(Buffer.from(from)), saidOf(letter, 'attempts'), reason, error]
}

const HEAD = ['AT', 'MESSAGE OF', 'FROM', 'TRIES', 'REASON', 'ERROR'] as const

/** Columns as wide as what is in them; the last one is not filled up. */
const table = (rows: readonly (readonly string[])[]): string => {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((cells) => line(cells).trimEnd()).join('\n')
}

const asJson = (letter: Letter): string => {
  const { partition, offset, source, said, raw } = letter
  const size = (bytes: Uint8Array | null) => bytes?.length ?? null
  return JSON.stringify({
    partition,
    offset: offset.toString(),
    source,
    ...{ timestamp: raw.timestamp.toString(), keyBytes: size(raw.key), valueBytes: size(raw.value) },
    replayed: replaysOf(letter),
    ...Object.fromEntries([...said].filter(([name]) => !['topic', 'partition', 'offset', 'timestamp'].includes(name))),
  })
}

/** `dlq list`: what is there, and how often for which reason. */
export const list = (flags: ListFlags): Promise<void> =>
  withClient(flags, async (client) => {
    const { stderr } = process
    const ranges = await rangesFor(client, flags.topic, flags)
    const progress = new Progress(
      stderr,
      'read',
      ranges.reduce((sum, { from, to }) => sum + to - from, 0n),
    )
    const summary = new Summary()
    const shown: Letter[] = []
    for (const range of ranges) {
      for await (const letters of scan(client, flags.topic, range)) {
        progress.add(letters.length)
        for (const letter of letters) {
          if (!isMeant(letter, flags)) continue
          summary.add(letter)
          if (flags.json === true) await print(`${asJson(letter)}\n`)
          else if (shown.length < flags.limit) shown.push(letter)
        }
      }
    }
    progress.close()
    if (flags.json === true) return
    if (shown.length > 0) await print(`${table([HEAD, ...shown.map(row)])}\n`)
    const more = summary.total - shown.length
    if (more > 0) await print(`… and ${formatCount(more)} more (--limit shows more, --json all)\n`)
    const noun = summary.total === 1 ? 'record' : 'records'
    await print(`\n${formatCount(summary.total)} ${noun} in ${oneLine(Buffer.from(flags.topic))}\n`)
    for (const line of summary.lines()) await print(`  ${line}\n`)
  })
