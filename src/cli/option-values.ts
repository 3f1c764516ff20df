import { InvalidArgumentError } from 'commander'
import { readNumber } from '../config/layers/from-text.js'
import type { AssignedTopic } from '../config/options.js'
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

const partitionNumbers = (text: string): number[] =>
  text.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^(\d{1,6})(?:\.\.(\d{1,6}))?$/.exec(part.trim()) ?? []
    if (first === '' || Number(last) < Number(first)) return [Number.NaN]
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index)
  })

/** Fixed partitions of a topic, `orders:0,1,2` or `orders:0..5`; may be given more than once. */
export const assigned = (value: string, before: readonly AssignedTopic[] | undefined): readonly AssignedTopic[] => {
  const [topic = '', numbers = '', ...more] = value.split(':').map((part) => part.trim())
  const partitions = partitionNumbers(numbers)
  if (topic === '' || more.length > 0 || partitions.some(Number.isNaN)) {
    throw new InvalidArgumentError('Expected a topic with numbers of partitions: orders:0,1,2 or orders:0..5.')
  }
  const known = before?.find((each) => each.topic === topic)
  if (known === undefined) return [...(before ?? []), { topic, partitions }]
  return (before ?? []).map((each) =>
    each === known ? { topic, partitions: [...known.partitions, ...partitions] } : each,
  )
}
