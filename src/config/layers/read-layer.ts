import { isDeepStrictEqual } from 'node:util'
import { type Issues, pathTo, shown } from '../issues.js'
import { isSecretPath } from '../mask-secrets.js'
import { dottedProperty } from '../names/property-names.js'
import { BadValue } from '../names/property-values.js'
import { unknownName } from '../names/unknown-name.js'
import { toPlainMaterial } from '../rules/tls-material.js'
import { type Leaf, leaves, leavesUnder } from '../schema/leaves.js'
import { fromText } from './from-text.js'
import type { Layer, Rank, Setting } from './layer.js'
import { moduleSpecifier, namesModule } from './module-specifier.js'

/** Whether it is an object literal, of whatever realm: a Map, a Date or a Promise has no options in it. */
export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

const kindOf = (value: unknown): string =>
  typeof value === 'object' ? 'one that is no plain object (a Map, a Promise, …)' : `a ${typeof value}`

/** Objects in whose place a plain word may stand. `true` turns the section on, `false` off. */
const SWITCHABLE: ReadonlySet<string> = new Set(['kafka.ssl', 'kafka.sasl', 'processing.deadLetter', 'pool.admin'])

/** Lists in which modules may be named. */
const MODULE_LISTS: ReadonlySet<string> = new Set(['processing.assignors', 'pool.threadImports'])

/**
 * Reads what one layer sets, from the objects in which the user wrote it, into one flat {@link Layer}. Every value is
 * checked on its own; faults go to the issues and what is faulty is left out.
 */
export class LayerReader {
  readonly #settings = new Map<string, Setting>()
  readonly #rank: Rank
  readonly #issues: Issues

  constructor(rank: Rank, issues: Issues) {
    this.#rank = rank
    this.#issues = issues
  }

  get layer(): Layer {
    return this.#settings
  }

  /** Reads `kafka` or `consumer`: KafkaJS's names of that section, and every dotted name of Kafka. */
  properties(section: 'kafka' | 'consumer', object: unknown, path: string): void {
    if (!this.#isObject(object, path, false)) return
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined) continue
      if (dottedProperty(name) !== undefined) this.#dotted(name, value, pathTo(path, name))
      else this.#named(section, name, value, pathTo(path, name), true)
    }
  }

  /** Reads one option that stands beside `kafka` and `consumer`. */
  option(section: 'processing' | 'pool', name: string, value: unknown, path: string): void {
    if (value !== undefined) this.#named(section, name, value, path, false)
  }

  #named(prefix: string, name: string, value: unknown, path: string, textAllowed: boolean): void {
    const leafPath = `${prefix}.${name}`
    const leaf = leaves.get(leafPath)
    // `enabled` is how security.protocol and ssl: true are kept; nobody can write it.
    if (leaf !== undefined && name !== 'enabled') this.#set(leaf, value, path, textAllowed)
    else if (leavesUnder(leafPath).length > 0) this.#nested(leafPath, value, path, textAllowed)
    else this.#issues.add(path, unknownName(name, prefix))
  }

  #nested(prefix: string, object: unknown, path: string, textAllowed: boolean): void {
    const enabled = leaves.get(`${prefix}.enabled`)
    if (enabled !== undefined && (typeof object === 'boolean' || object === 'true' || object === 'false')) {
      this.#set(enabled, object, path, textAllowed)
      return
    }
    if (!this.#isObject(object, path, SWITCHABLE.has(prefix))) {
      for (const leaf of leavesUnder(prefix))
        this.#issues.add(path, this.#notAnObject(object, SWITCHABLE.has(prefix)), leaf.path)
      return
    }
    if (enabled !== undefined) this.#set(enabled, true, path, false)
    for (const [name, value] of Object.entries(object)) {
      if (value !== undefined) this.#named(prefix, name, value, pathTo(path, name), textAllowed)
    }
  }

  #dotted(name: string, value: unknown, path: string): void {
    const property = dottedProperty(name)
    if (property === undefined) return
    if (property.only !== undefined) {
      const said = typeof value === 'string' || typeof value === 'boolean' ? String(value) : ''
      if (said.toLowerCase() === property.only.value.toLowerCase()) return
      this.#issues.add(
        path,
        `only "${property.only.value}" can be honoured: ${property.only.reason}. Got ${shown(value)}`,
      )
      return
    }
    const [first = ''] = property.leaves
    if (value === null) {
      this.#refuseNull(path, first)
      return
    }
    try {
      for (const [leafPath, raw] of Object.entries(property.read(value))) {
        const leaf = leaves.get(leafPath)
        if (leaf !== undefined && raw !== undefined) this.#set(leaf, raw, path, true)
      }
    } catch (error) {
      if (!(error instanceof BadValue)) throw error
      const secret = name === 'sasl.jaas.config' || isSecretPath(first)
      for (const leaf of property.leaves) this.#issues.add(path, `${error.message}. Got ${shown(value, secret)}`, leaf)
    }
  }

  #set(leaf: Leaf, raw: unknown, path: string, textAllowed: boolean): void {
    if (raw === null) {
      this.#refuseNull(path, leaf.path)
      return
    }
    // An address never has an @, except where somebody put user and password before it.
    const secret = isSecretPath(leaf.path) || (leaf.path === 'kafka.brokers' && shown(raw).includes('@'))
    if (typeof raw === 'function') {
      this.#issues.add(path, `${this.#functionAdvice(leaf)}. Got a function`, leaf.path)
      return
    }
    const wanted = prepared(leaf, raw, textAllowed)
    const result = leaf.schema.safeParse(wanted)
    if (!result.success) {
      const item = faultyItem(wanted, result.error.issues[0]?.path[0])
      const got = item === undefined ? shown(raw, secret) : `${shown(item, secret)} in it`
      this.#issues.add(path, `expected ${leaf.expects}, got ${got}`, leaf.path)
      return
    }
    const value = result.data
    const before = this.#settings.get(leaf.path)
    if (before !== undefined && !isDeepStrictEqual(before.value, value)) {
      const [was, is] = [shown(before.value, secret), shown(value, secret)]
      this.#issues.add(
        path,
        `says ${is}, but ${before.from} says ${was} for the same option. Keep one of them`,
        leaf.path,
      )
      return
    }
    if (before === undefined) this.#settings.set(leaf.path, { value, from: path, rank: this.#rank })
  }

  #refuseNull(path: string, leaf: string): void {
    this.#issues.add(path, 'is null, which is no value. Leave the name out to keep the less specific layer', leaf)
  }

  #functionAdvice(leaf: Leaf): string {
    if (leaf.path === 'kafka.brokers')
      return 'expected the list of addresses itself, because a function cannot be sent to a thread'
    const name = leaf.path.slice(leaf.path.lastIndexOf('.') + 1)
    return namesModule(leaf.path)
      ? `a function cannot be sent to a thread: put it in a module, as its default export, and give the path: ${name}: "./my-module.js"`
      : `expected ${leaf.expects}`
  }

  #isObject(object: unknown, path: string, switchable: boolean): object is Readonly<Record<string, unknown>> {
    if (isPlainObject(object)) return true
    if (object !== undefined) this.#issues.add(path, this.#notAnObject(object, switchable))
    return false
  }

  // The type alone: what was meant to be an object of credentials may be one in text.
  #notAnObject(object: unknown, switchable: boolean): string {
    const got = object === null ? 'null' : Array.isArray(object) ? 'an array' : kindOf(object)
    return `expected an object${switchable ? ', true or false' : ''}, got ${got}`
  }
}

/** What is wrong with a list of several: of a long one only the beginning would be shown. */
const faultyItem = (list: unknown, place: PropertyKey | undefined): unknown =>
  Array.isArray(list) && list.length > 1 && typeof place === 'number' ? list[place] : undefined

/** A raw value as its field wants it: text as number, boolean or list; modules as URLs; Buffers as plain data. */
const prepared = (leaf: Leaf, raw: unknown, textAllowed: boolean): unknown => {
  if (namesModule(leaf.path)) return moduleSpecifier(raw)
  if (MODULE_LISTS.has(leaf.path)) {
    const list = textAllowed ? fromText(leaf, raw) : raw
    return Array.isArray(list) ? list.map((item: unknown) => moduleSpecifier(item)) : list
  }
  const plain = leaf.path.startsWith('kafka.ssl.') ? toPlainMaterial(raw) : raw
  if (leaf.path === 'kafka.sasl.mechanism' && typeof raw === 'string') return raw.toLowerCase()
  return textAllowed ? fromText(leaf, plain) : plain
}
