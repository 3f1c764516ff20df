import { z } from 'zod'
import { type FieldNote, fieldNote } from './fields.js'
import { type Section, sections } from './schema.js'

/** One value of the configuration that can be set, merged and checked on its own. */
export interface Leaf extends FieldNote {
  /** `consumer.sessionTimeout`, `kafka.retry.retries`, … */
  readonly path: string
  readonly section: Section
  readonly schema: z.ZodType
  readonly kind: 'number' | 'boolean' | 'list' | 'other'
  /** `undefined` when it has none, or one that depends on something else. */
  readonly initial: unknown
}

const strip = (schema: z.ZodType): z.ZodType =>
  schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? strip(schema.unwrap() as z.ZodType) : schema

const kindOf = (schema: z.ZodType): Leaf['kind'] => {
  const inner = strip(schema)
  if (inner instanceof z.ZodNumber) return 'number'
  if (inner instanceof z.ZodBoolean) return 'boolean'
  if (inner instanceof z.ZodArray) return 'list'
  return 'other'
}

const walk = (schema: z.ZodType, path: string, section: Section): Leaf[] => {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([name, child]) => walk(child as z.ZodType, `${path}.${name}`, section))
  }
  const initial = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined
  return [{ ...fieldNote(schema), path, section, schema: strip(schema), kind: kindOf(schema), initial }]
}

/** Every leaf of the schema by its path, in the order of the schema. */
export const leaves: ReadonlyMap<string, Leaf> = new Map(
  (Object.keys(sections) as Section[]).flatMap((section) =>
    walk(sections[section], section, section).map((leaf) => [leaf.path, leaf] as const),
  ),
)

/** The paths that begin with `prefix`. */
export const leavesUnder = (prefix: string): Leaf[] =>
  [...leaves.values()].filter((leaf) => leaf.path.startsWith(`${prefix}.`))

/** The names that may stand in the object at `prefix`: `namesAt('kafka')` has `brokers`, `retry`, …, in order. */
export const namesAt = (prefix: string): string[] => [
  ...new Set(leavesUnder(prefix).map((leaf) => leaf.path.slice(prefix.length + 1).split('.', 1)[0] ?? '')),
]
