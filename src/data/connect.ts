import type { Logger } from 'pino'
import type { Connection } from '../kafka/face.js'
import { backoffMs } from './backoff.js'
import type { WakeUp } from './wake-up.js'

const BACKOFF = { initialDelayMs: 200, maxDelayMs: 5_000 }

export interface ConnectOptions {
  readonly log: Logger
  /** Woken when the slot stops. */
  readonly wakeUp: WakeUp
  readonly stopped: () => boolean
}

/**
 * Connects, for ever: a replacement that starts while the brokers are away must be there when they come back.
 *
 * @returns false when the slot was stopped first
 */
export const connectForEver = async (
  connection: Connection,
  { log, wakeUp, stopped }: ConnectOptions,
): Promise<boolean> => {
  for (let failures = 1; !stopped(); failures++) {
    try {
      await connection.connect()
      return !stopped()
    } catch (err) {
      if (stopped()) break
      const delayMs = backoffMs(failures, BACKOFF, Math.random())
      log.warn({ err, failures, delayMs }, `Cannot connect to Kafka; trying again in ${delayMs} ms`)
      await wakeUp.wait(delayMs)
    }
  }
  return false
}
