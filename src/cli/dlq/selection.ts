import type { Client } from '../../kafka/client.js'
import { UsageError } from '../usage-error.js'
import type { Letter } from './letter.js'
import { type Position, positionName } from './positions.js'
import { type Range, rangesOf } from './scan.js'

/** Which of the letters are meant. */
export interface SelectionFlags {
  readonly partition?: readonly number[]
  readonly at?: readonly Position[]
  readonly from?: readonly Position[]
  readonly upTo?: readonly Position[]
  readonly reason?: readonly string[]
  readonly source?: readonly string[]
  readonly error?: string
}

const limitOf = (positions: readonly Position[] | undefined, partition: number): bigint | undefined =>
  positions?.find((position) => position.partition === partition)?.offset

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const earlier = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** Of what a partition holds, what has to be read. */
export const narrowed = (range: Range, flags: SelectionFlags): Range => {
  const { partition, from, to } = range
  const at = flags.at?.filter((position) => position.partition === partition).map(({ offset }) => offset)
  const first = at?.reduce(earlier, to) ?? from
  const last = at?.reduce((max, offset) => later(max, offset + 1n), from) ?? to
  return {
    partition,
    from: later(later(from, first), limitOf(flags.from, partition) ?? from),
    to: earlier(earlier(to, last), limitOf(flags.upTo, partition) ?? to),
  }
}

/** The ranges to read, those in which there is nothing left out. */
export const rangesFor = async (client: Client, topic: string, flags: SelectionFlags): Promise<readonly Range[]> => {
  const named = [...(flags.at ?? []), ...(flags.from ?? []), ...(flags.upTo ?? [])].map(({ partition }) => partition)
  const all = await rangesOf(client, topic, flags.partition)
  const stray = named.find((partition) => !all.some((range) => range.partition === partition))
  if (stray !== undefined) throw new UsageError(`partition ${stray} of a position is none of those that are read`)
  return all.map((range) => narrowed(range, flags)).filter(({ from, to }) => from < to)
}

/** Whether the letter is one of those that are meant, by what is said of it. */
export const isMeant = (letter: Letter, { at, reason, source, error }: SelectionFlags): boolean => {
  const { said } = letter
  const names = at?.map(positionName)
  if (names !== undefined && !names.includes(positionName(letter))) return false
  if (reason !== undefined && !reason.includes(said.get('reason') ?? '')) return false
  if (source !== undefined && !source.includes(letter.source?.topic ?? '')) return false
  if (error === undefined) return true
  return `${said.get('error-class') ?? ''}: ${said.get('error-message') ?? ''}`.includes(error)
}
