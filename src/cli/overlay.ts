import { isPlainObject } from '../config/layers/read-layer.js'
import { dottedProperty } from '../config/names/property-names.js'
import { namesAt } from '../config/schema/leaves.js'
import type { Setting } from './setting.js'

/** Options as a configuration file gave them: nothing about them is checked yet. */
export type Fields = Readonly<Record<string, unknown>>

const omit = (fields: Fields, drops: (name: string, value: unknown) => boolean): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name, value]) => !drops(name, value)))

const map = (fields: Fields, change: (name: string, value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(name, value)]))

/** `ssl: true` and `ssl: { … }` set the switch of their section, too; so do those of `sasl`. */
const isSwitch = (path: string, covered: ReadonlySet<string>): boolean => covered.has(`${path}.enabled`)

/** The object at `prefix` without the leaves that are covered, by whichever of its names they are set. */
const withoutLeaves = (value: unknown, prefix: string, covered: ReadonlySet<string>): unknown => {
  if (!isPlainObject(value)) return value
  const kept = omit(value, (name, inner) => {
    const property = dottedProperty(name)
    const path = `${prefix}.${name}`
    if (property === undefined) return covered.has(path) || (isSwitch(path, covered) && !isPlainObject(inner))
    return property.leaves.length > 0 && property.leaves.every((leaf) => covered.has(leaf))
  })
  return map(kept, (name, inner) => withoutLeaves(inner, `${prefix}.${name}`, covered))
}

/** One layer of options (shared, of a subscription, of a slot) without the leaves that are covered. */
const uncovered = (layer: unknown, covered: ReadonlySet<string>): unknown => {
  if (!isPlainObject(layer)) return layer
  const sectionOf = (name: string): string | null => {
    if (name === 'kafka' || name === 'consumer') return null
    return namesAt('processing').includes(name) ? 'processing' : 'pool'
  }
  const kept = omit(layer, (name) => covered.has(`${sectionOf(name)}.${name}`))
  return map(kept, (name, value) => {
    const section = sectionOf(name)
    return withoutLeaves(value, section === null ? name : `${section}.${name}`, covered)
  })
}

const withValue = (fields: Fields, [name, ...rest]: readonly [string, ...string[]], value: unknown): Fields => {
  const [next, ...others] = rest
  if (next === undefined) return { ...fields, [name]: value }
  const inner = fields[name]
  return { ...fields, [name]: withValue(isPlainObject(inner) ? inner : {}, [next, ...others], value) }
}

const withoutLeavesPerSlot =
  (perSlot: (slot: number) => unknown, covered: ReadonlySet<string>) =>
  (slot: number): unknown =>
    uncovered(perSlot(slot), covered)

/**
 * Lays settings of the command line over the options of a file. They win in every layer and under every name: what the
 * file says of the same option, for all or for one subscription or slot, is taken out. The file's object is not touched.
 */
export const overlay = (file: Fields, settings: readonly Setting[]): Fields => {
  const covered = new Set(settings.flatMap(({ leaves }) => leaves))
  const base = map(uncovered(file, covered) as Fields, (name, value) => {
    if (name === 'subscriptions' && Array.isArray(value)) return value.map((item) => uncovered(item, covered))
    if (name === 'perSlot' && typeof value === 'function') {
      return withoutLeavesPerSlot(value as (slot: number) => unknown, covered)
    }
    return value
  })
  return settings.reduce<Fields>((options, { path, value }) => withValue(options, path, value), base)
}
