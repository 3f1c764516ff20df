/** Where a partition is to go on: at an offset, at the first message that is not older than a moment, or at either end. */
export type SeekTarget =
  | bigint
  | number
  | string
  /** In ms since 1970, as messages have it. */
  | { readonly timestamp: number | string | Date }
  | 'beginning'
  | 'end'

/** The same, read. */
export type ReadTarget =
  | { readonly offset: bigint }
  | { readonly at: 'earliest' | 'latest' | { readonly timestamp: number } }

const isWhole = (value: unknown): boolean =>
  typeof value === 'bigint' ? value >= 0n : Number.isSafeInteger(value) && (value as number) >= 0

const timeOf = (timestamp: unknown): unknown => {
  if (timestamp instanceof Date) return timestamp.getTime()
  return typeof timestamp === 'string' && /^\d{1,15}$/.test(timestamp) ? Number(timestamp) : timestamp
}

/** @throws TypeError that says what was expected */
export const readTarget = (target: SeekTarget): ReadTarget => {
  if (target === 'beginning') return { at: 'earliest' }
  if (target === 'end') return { at: 'latest' }
  if (typeof target === 'object' && target !== null) {
    const timestamp = timeOf(target.timestamp)
    if (isWhole(timestamp)) return { at: { timestamp: timestamp as number } }
    throw new TypeError(
      `expected a timestamp in ms since 1970, got ${String(target.timestamp)} (${typeof target.timestamp})`,
    )
  }
  const offset = typeof target === 'string' && /^\d{1,18}$/.test(target) ? BigInt(target) : target
  if (isWhole(offset)) return { offset: BigInt(offset) }
  const expected = "an offset, from 0, { timestamp }, 'beginning' or 'end'"
  throw new TypeError(`expected ${expected}, got ${String(target)} (${typeof target})`)
}
