import type { Writable } from 'node:stream'

/** How many guards an output has. */
const guards = new WeakMap<Writable, number>()

const ignore = (): void => {}

/**
 * What is written to the process's output from now on may fail (whoever reads it is gone, its disk is full): without a
 * listener for its error that would end the process.
 *
 * @returns takes the guard away when the error of what was written up to now must have come
 */
export const guardOutput = (output: Writable): (() => void) => {
  const before = guards.get(output) ?? 0
  guards.set(output, before + 1)
  if (before === 0) output.on('error', ignore)
  return () =>
    // The error comes to its listeners after the callback of the write, in a later tick.
    void setImmediate(() => {
      const left = (guards.get(output) ?? 1) - 1
      guards.set(output, left)
      if (left === 0) output.off('error', ignore)
    })
}
