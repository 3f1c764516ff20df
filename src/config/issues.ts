import { inspect } from 'node:util'
import { ConfigError, type ConfigIssue } from '../errors.js'
import { HIDDEN, maskSecrets } from './mask-secrets.js'

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** Path of what stands under `key` in the object at `path`, as one would write it in JavaScript. */
export const pathTo = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!IDENTIFIER.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}

const MAX_SHOWN = 80

/** A value and its type for an error: `"abc" (string)`. */
export const shown = (value: unknown, secret = false): string => {
  if (value === null || value === undefined) return String(value)
  const type = Array.isArray(value) ? 'array' : typeof value
  if (secret) return `${HIDDEN} (${type})`
  const text = inspect(maskSecrets(value), { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 5 })
  return `${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text} (${type})`
}

/** Collects faults; one that several slots have, or that `perSlot` makes in each of them, counts once. */
export class Issues {
  readonly #found = new Map<string, ConfigIssue>()
  readonly #faultyLeaves = new Set<string>()

  /** @param leaf path of the leaf that has no usable value because of it */
  add(path: string, message: string, leaf?: string): void {
    const key = `${path.replace(/^perSlot\(\d+\)/, 'perSlot')}\n${message}`
    if (!this.#found.has(key)) this.#found.set(key, { path, message })
    if (leaf !== undefined) this.#faultyLeaves.add(leaf)
  }

  /** True when some layer had an unusable value there, so that rules about it would only echo that fault. */
  isFaulty(leaf: string): boolean {
    return this.#faultyLeaves.has(leaf)
  }

  get any(): boolean {
    return this.#found.size > 0
  }

  /** All of them as one error. */
  toError(): ConfigError {
    const issues = [...this.#found.values()]
    const lines = issues.map(({ path, message }) => `  - ${path === '' ? '' : `${path}: `}${message}`)
    const head = `The configuration has ${issues.length === 1 ? 'a fault' : `${issues.length} faults`}:`
    return new ConfigError([head, ...lines].join('\n'), issues)
  }
}
