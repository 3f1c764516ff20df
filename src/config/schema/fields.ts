import { z } from 'zod'

/** What every field of the schema says of itself, beside its type and default. */
export interface FieldNote {
  /** What a value must be, to follow "expected" in an error. */
  readonly expects: string
  /** One sentence or two, in Markdown, for `docs/configuration.md`. */
  readonly description: string
  /** How the default is described where it is not a constant. */
  readonly computedDefault?: string
}

/** Largest number that fits Kafka's wire format and Node's timers. */
export const INT32_MAX = 2 ** 31 - 1

/** Attaches the note. It has to come last: a schema that is derived from another does not inherit it. */
export const field = <T extends z.ZodType>(
  schema: T,
  expects: string,
  description: string,
  computedDefault?: string,
): T => schema.meta({ expects, description, ...(computedDefault === undefined ? {} : { computedDefault }) }) as T

export const fieldNote = (schema: z.ZodType): FieldNote => schema.meta() as unknown as FieldNote

const wholeNumber = (what: string, min: number, max: number, initial: number, description: string) =>
  field(z.int().min(min).max(max).default(initial), `${what} from ${min} to ${max}`, description)

/** A time in milliseconds. */
export const milliseconds = (initial: number, description: string, { min = 1, max = INT32_MAX } = {}) =>
  wholeNumber('a whole number of milliseconds', min, max, initial, description)

/** A size in bytes. */
export const bytes = (initial: number, description: string, { min = 1 } = {}) =>
  wholeNumber('a whole number of bytes', min, INT32_MAX, initial, description)

/** A number of things. */
export const count = (initial: number, description: string, { min = 1, max = 1_000_000 } = {}) =>
  wholeNumber('a whole number', min, max, initial, description)

export const flag = (initial: boolean, description: string) =>
  field(z.boolean().default(initial), 'true or false', description)

/** One of a few words. The first is the default. */
export const choice = <const T extends readonly [string, ...string[]]>(words: T, description: string) =>
  field(z.enum(words).default(words[0] as never), `one of ${words.map((word) => `"${word}"`).join(', ')}`, description)

/** Text that need not be there and must not be empty. */
export const text = (description: string) =>
  field(z.string().min(1).optional(), 'a text that is not empty', description)
