import { until } from '#scripts/support/until.js'

/** Waits for what happens in this process and takes a moment; fails with `what` after the deadline. */
export const soon = (what: string, condition: () => boolean, deadlineMs = 5_000): Promise<unknown> =>
  until(condition, { what, deadlineMs, everyMs: 1 })

/** Gives everything that is due now, and what follows from it at once, the time to happen. */
export const rounds = async (count = 5): Promise<void> => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}
