/** Polls until the condition holds; fails with `what` after the deadline. */
export const until = async (what: string, condition: () => boolean, deadlineMs = 5_000): Promise<void> => {
  const endMs = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Gives everything that is due now, and what follows from it at once, the time to happen. */
export const turns = async (count = 5): Promise<void> => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
}
