import type { SlotConfig } from './resolved.js'

/** What stands in the place of a secret. */
export const HIDDEN = '[hidden]'

const SECRET_NAMES = new Set([
  'password',
  'passphrase',
  'secret',
  'secretaccesskey',
  'sessiontoken',
  'token',
  'pfx',
  'saslpassword',
  'sasljaasconfig',
  'sslkeypassword',
  'sslkey',
  'sslkeypem',
  'sslkeystorekey',
  'sslpfx',
  'sslpassphrase',
])

/** Whether what stands under that name is a secret. The name `key` is one only inside `ssl`: a message has one, too. */
const isSecret = (name: string, parent: string): boolean => {
  const essence = name.toLowerCase().replace(/[^a-z]/g, '')
  return SECRET_NAMES.has(essence) || /(?:password|secret)$/.test(essence) || (essence === 'key' && parent === 'ssl')
}

/** Text without private keys, without user and password in URLs, and without `password=…`. */
export const maskText = (text: string): string =>
  text
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN)
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${HIDDEN}@`)
    .replace(
      /\b(password|passphrase|secret|token)(\s*=\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;,]+)/gi,
      `$1$2${HIDDEN}`,
    )

const copy = (value: unknown, parent: string, above: readonly object[]): unknown => {
  if (typeof value === 'string') return maskText(value)
  if (typeof value === 'function') return '[function]'
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (above.includes(value)) return '[circular]'
  const path = [...above, value]
  if (Array.isArray(value)) return value.map((item) => copy(item, parent, path))
  if (value instanceof URL) return maskText(value.href)
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecret(name, parent) && item !== null && item !== undefined ? HIDDEN : copy(item, name, path),
    ]),
  )
}

/**
 * A deep copy that may be logged and shown: passwords, keys and tokens of `sasl` and `ssl` are replaced by `[hidden]`,
 * under KafkaJS's names and Kafka's, and so are user and password in URLs and private keys in any text. Binary data
 * and functions are only mentioned.
 */
export const maskSecrets = (value: unknown): unknown => copy(value, '', [])

/** Whether the leaf of that path (`kafka.sasl.password`) holds a secret. */
export const isSecretPath = (path: string): boolean => {
  const names = path.split('.')
  return isSecret(names.at(-1) ?? '', names.at(-2) ?? '')
}

const flatten = (value: unknown, path: string): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, item]) => flatten(item, path === '' ? name : `${path}.${name}`))
    : [[path, value]]

/**
 * The configuration that a thread runs with, one entry for each value, secrets masked: `sessionTimeout`,
 * `retry.attempts`, `ssl.ca`, … `clientId` is the connection's own, made for this incarnation.
 */
export const effectiveConfig = (config: SlotConfig, clientId: string): Readonly<Record<string, unknown>> => {
  const { kafka, consumer, ...processing } = maskSecrets(config) as SlotConfig
  const sections = [processing, kafka, consumer].flatMap((section) => flatten(section, ''))
  return Object.fromEntries([...sections, ['clientId', clientId]])
}
