import type { SaslOptions } from '../kafkajs/parts.js'
import { type ImportLimit, loadFunction } from '../load-module.js'

/** Options of `sasl` that are functions in KafkaJS. A configuration that crosses threads names a module instead. */
const FUNCTIONS = ['oauthBearerProvider', 'authenticationProvider'] as const

/**
 * The `sasl` option with the functions that it names loaded. Its shape was checked with the configuration.
 *
 * @throws PoolError KCP_MODULE_NOT_USABLE
 */
export const loadSasl = async (
  sasl: Readonly<Record<string, unknown>> | null,
  limit?: ImportLimit,
): Promise<SaslOptions | null> => {
  if (sasl === null) return null
  const loaded: Record<string, unknown> = { ...sasl }
  for (const name of FUNCTIONS) {
    const specifier = sasl[name]
    if (typeof specifier === 'string') loaded[name] = await loadFunction(specifier, `sasl.${name}`, limit)
  }
  return loaded as SaslOptions
}
