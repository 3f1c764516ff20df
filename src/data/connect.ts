import type { Logger } from 'pino'
import { ErrorCode, PoolError } from '../errors.js'
import type { DataClient } from '../kafka/client.js'
import { backoffMs } from '../util/backoff.js'
import { monotonicMs } from '../util/clock.js'
import { Episode } from '../util/episode.js'
import type { WakeUp } from './wake-up.js'

/** Errors that trying again does not mend: something is missing on this side. */
const HOPELESS: readonly ErrorCode[] = [
  ErrorCode.configInvalid,
  ErrorCode.moduleNotUsable,
  ErrorCode.codecMissing,
  ErrorCode.kafkajsMismatch,
]
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
 * @throws {PoolError} when a module that the client needs (codec, authentication) cannot be used
 */
export const connectForEver = async (
  client: DataClient,
  { log, wakeUp, stopped }: ConnectOptions,
): Promise<boolean> => {
  const away = new Episode()
  for (let failures = 1; !stopped(); failures++) {
    try {
      await client.connect()
      const afterMs = away.ended(monotonicMs())
      if (afterMs !== null) log.info({ afterMs: Math.round(afterMs) }, 'connected to Kafka at last')
      return !stopped()
    } catch (err) {
      if (stopped()) break
      if (err instanceof PoolError && HOPELESS.includes(err.code)) throw err
      const delayMs = backoffMs(failures, BACKOFF, Math.random())
      const level = away.happened(monotonicMs()) === null ? 'debug' : 'warn'
      log[level]({ err, failures, delayMs }, 'cannot connect to Kafka; trying again until it is there')
      await wakeUp.wait(delayMs)
    }
  }
  return false
}
