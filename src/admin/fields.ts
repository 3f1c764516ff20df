import { isTopicName, TOPIC_NAME } from '../config/rules/topics.js'

/** A field of an order: what it has to be, and the value if it is that. */
export interface Field<T> {
  readonly expects: string
  readonly read: (value: unknown) => T | undefined
}

/** The fields that an order takes, by name. */
export interface Fields {
  readonly needed: Readonly<Record<string, Field<unknown>>>
  /** Those that may be absent. Of two of them only one is said. */
  readonly optional?: Readonly<Record<string, Field<unknown>>>
}

const MOST_PARTITION = 2 ** 31 - 1

const isWhole = (value: unknown, most = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most

export const topic: Field<string> = {
  expects: TOPIC_NAME,
  read: (value) => (typeof value === 'string' && isTopicName(value) ? value : undefined),
}

export const number: Field<number> = {
  expects: 'a whole number from 0',
  read: (value) => (isWhole(value) ? value : undefined),
}

export const partition: Field<number> = {
  expects: 'its number, from 0',
  read: (value) => (isWhole(value, MOST_PARTITION) ? value : undefined),
}

export const partitions: Field<readonly number[]> = {
  expects: 'a list of such numbers',
  read: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((each) => isWhole(each, MOST_PARTITION))
      ? value
      : undefined,
}

export const oneOf = (words: readonly string[]): Field<string> => ({
  expects: `one of ${words.join(', ')}`,
  read: (value) => words.find((word) => word === value),
})

/** Where a partition may go on. */
export type Target = number | string | { readonly timestamp: number }

const isMoment = (value: unknown): value is { readonly timestamp: number } =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).join() === 'timestamp' &&
  isWhole((value as { timestamp: unknown }).timestamp)

export const target: Field<Target> = {
  expects: 'an offset, "beginning", "end" or {"timestamp": ms since 1970}',
  read: (value) => {
    if (typeof value === 'string') return /^(?:beginning|end|\d{1,18})$/.test(value) ? value : undefined
    return isWhole(value) || isMoment(value) ? value : undefined
  },
}

const parse = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const listed = (fields: readonly (readonly [string, Field<unknown>])[], between: string): string =>
  fields.map(([name, { expects }]) => `"${name}" (${expects})`).join(between)

/** What an order says in its fields, or what is wrong with them and what was expected. */
export const readFields = (
  { needed, optional = {} }: Fields,
  body: string,
): Readonly<Record<string, unknown>> | string => {
  const must = Object.entries(needed)
  const may = Object.entries(optional)
  const perhaps = may.length === 0 ? '' : `, and perhaps ${listed(may, ' or ')}`
  const expected = `expected ${listed(must, ' and ')}${perhaps}`
  const said = parse(body)
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return `${expected} in an object of JSON`
  const unknown = Object.keys(said).find((name) => !Object.hasOwn(needed, name) && !Object.hasOwn(optional, name))
  if (unknown !== undefined) return `${expected}, got ${JSON.stringify(unknown.slice(0, 80))}, too`
  const chosen = may.filter(([name]) => Object.hasOwn(said, name))
  if (chosen.length > 1) return `${expected}, got ${chosen.map(([name]) => `"${name}"`).join(' and ')}`
  const read = [...must, ...chosen].map(([name, field]) => {
    return [name, Object.hasOwn(said, name) ? field.read((said as Record<string, unknown>)[name]) : undefined] as const
  })
  return read.some(([, value]) => value === undefined) ? expected : Object.fromEntries(read)
}
