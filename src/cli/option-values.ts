import { InvalidArgumentError } from 'commander'
import { readNumber } from '../config/layers/from-text.js'
import { isPattern } from '../config/topic-pattern.js'

/** An option that may be given more than once, each time with one value or several between commas. */
export const list = (value: string, before: readonly string[] | undefined): readonly string[] => {
  const items = value.split(',').map((item) => item.trim())
  if (items.includes('')) throw new InvalidArgumentError('Expected one value, or several between commas.')
  return [...(before ?? []), ...items]
}

/** The same for topics: a regular expression may have commas in it, and stands alone. */
export const topics = (value: string, before: readonly string[] | undefined): readonly string[] =>
  isPattern(value) ? [...(before ?? []), value] : list(value, before)

/** An option that may be given more than once, each time with one value. */
export const each = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
]

/** A whole number from 1, or two with `..` between them. */
export const numberOrRange = (value: string): number | { readonly min: number; readonly max: number } => {
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(value.trim()) ?? []
  if (min !== undefined && max !== undefined) return { min: Number(min), max: Number(max) }
  const number = readNumber(value) ?? Number.NaN
  if (Number.isSafeInteger(number) && number >= 1) return number
  throw new InvalidArgumentError('Expected a whole number from 1, or two of them: 2..8.')
}

/** A whole number from 1. */
export const positive = (value: string): number => {
  const number = readNumber(value) ?? Number.NaN
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return number
}
