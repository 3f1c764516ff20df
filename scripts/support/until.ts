import { setTimeout as sleep } from 'node:timers/promises'

export interface UntilOptions {
  /** @default 60000 */
  readonly deadlineMs?: number
  /** @default 25 */
  readonly everyMs?: number
  /** What is awaited, for the error message: "all partitions to be assigned". */
  readonly what: string
  /** What else the error shall tell. */
  readonly evidence?: () => unknown
}

const describe = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) ?? String(value)
  } catch {
    return String(value)
  }
}

/**
 * Polls until the predicate yields something truthy and resolves with it. A rejection ends the waiting; the deadline
 * rejects with what was awaited and the last value.
 */
export const until = async <T>(
  predicate: () => T | Promise<T>,
  { deadlineMs = 60_000, everyMs = 25, what, evidence }: UntilOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> => {
  const end = performance.now() + deadlineMs
  for (;;) {
    const value = await predicate()
    if (value) return value as Exclude<T, false | null | undefined | 0 | ''>
    if (performance.now() > end) {
      const waited = `Waited ${deadlineMs} ms for ${what}; the last look gave ${describe(value)}`
      throw new Error(evidence === undefined ? waited : `${waited}. ${describe(await evidence())}`)
    }
    await sleep(everyMs)
  }
}
