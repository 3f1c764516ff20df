import { constants } from 'node:os'
import { monotonicMs } from '../util/clock.js'

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

export type StopSignal = (typeof STOP_SIGNALS)[number]

/** What a shell says of a process that this signal ended: 130 for SIGINT, 143 for SIGTERM. */
export const signalCode = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

/**
 * One signal may come twice: systemd signals every process of a service, and npm, which started this one, hands on what it
 * gets itself. Somebody who is impatient needs longer than that.
 */
const SAME_MS = 300

export interface StopSignalPorts {
  readonly process: Pick<NodeJS.EventEmitter, 'on' | 'off'> & { exit(code: number): void }
  /** Monotonic. */
  readonly now: () => number
}

/**
 * Stops in two stages: the first SIGINT or SIGTERM calls `stop`, a second one ends the process at once, whatever it is
 * doing.
 *
 * @returns gives the signals back to Node
 */
export const onStopSignals = (
  stop: (signal: StopSignal) => void,
  { process, now }: StopSignalPorts = { process: globalThis.process, now: monotonicMs },
): (() => void) => {
  let askedAtMs: number | null = null
  const listener = (signal: StopSignal): void => {
    if (askedAtMs === null) {
      askedAtMs = now()
      stop(signal)
    } else if (now() - askedAtMs > SAME_MS) process.exit(signalCode(signal))
  }
  for (const signal of STOP_SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener)
  }
}
