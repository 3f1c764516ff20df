import type { Logger } from '../logger.js'
import { kafkajs } from './kafkajs.js'
import type { KafkajsLogger } from './parts.js'

/** Levels of kafkajs's loggers. */
const NOTHING = 0
const DEBUG = 5

/** The details that may be logged. Everything else, above all payloads of requests and answers, stays out. */
const SAFE_DETAILS = ['broker', 'clientId', 'correlationId', 'error', 'size', 'ssl', 'sasl', 'pendingDuration'] as const

const safeDetails = (log: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const details: Record<string, unknown> = {}
  for (const name of SAFE_DETAILS) {
    const value = log[name]
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') details[name] = value
  }
  return details
}

/**
 * A kafkajs logger that writes to ours, everything at level debug: whatever kafkajs calls an error also rejects a
 * request here, and the caller of that request knows whether it matters.
 *
 * @param muted asked before every line; nothing is logged while it returns true
 */
export const createLogBridge = (log: Logger, muted: () => boolean): KafkajsLogger =>
  kafkajs().createLogger({
    level: log.isLevelEnabled?.('debug') === false ? NOTHING : DEBUG,
    logCreator:
      () =>
      ({ namespace, label, log: entry }) => {
        if (muted()) return
        log.debug({ kafkajs: namespace, kafkajsLevel: label, ...safeDetails(entry) }, entry.message)
      },
  })
