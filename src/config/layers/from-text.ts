import { readList } from '../names/property-values.js'
import type { Leaf } from '../schema/leaves.js'

/**
 * The number that a text stands for: digits, a sign and a decimal point, as one writes it. `1e3` and `0x10` are no numbers
 * anywhere, as in Java's properties.
 *
 * @returns undefined for every other text
 */
export const readNumber = (text: string): number | undefined =>
  /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : undefined

/** What a text from the command line or the environment stands for in this option; what stands for nothing comes back. */
export const fromText = (leaf: Leaf, raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw
  const text = raw.trim()
  if (leaf.kind === 'number') return readNumber(text) ?? raw
  if (leaf.kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : raw
  return leaf.kind === 'list' ? readList(raw) : raw
}
