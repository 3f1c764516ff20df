import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export type StopSignal = (typeof SIGNALS)[number]

/** What a shell says of a process that this signal ended: 130 for SIGINT, 143 for SIGTERM. */
const exitCodeOf = (signal: StopSignal): number => 128 + constants.signals[signal]

/**
 * Stops in two stages: the first SIGINT or SIGTERM calls `stop`, a second one ends the process at once, whatever it is
 * doing.
 *
 * @returns gives the signals back to Node
 */
export const onStopSignals = (stop: (signal: StopSignal) => void): (() => void) => {
  let asked = false
  const listener = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(exitCodeOf(signal as StopSignal))
    asked = true
    stop(signal as StopSignal)
  }
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}
