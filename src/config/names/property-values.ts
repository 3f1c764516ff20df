import { readFileSync } from 'node:fs'

/*
 * Values of Kafka's properties that are written differently here. A reader throws a BadValue when it cannot make sense
 * of one; what it returns is checked further, like every other value.
 */

/** The value of a property cannot be read; the message follows "expected" or stands for itself. */
export class BadValue extends Error {
  override readonly name = 'BadValue'
}

type Leaves = Readonly<Record<string, unknown>>

/** One of the words of a table, in upper or lower case. */
const word = <T>(value: unknown, table: Readonly<Record<string, T>>): T => {
  const found = Object.entries(table).find(([key]) => typeof value === 'string' && key === value.trim().toLowerCase())
  if (found === undefined) throw new BadValue(`expected one of ${Object.keys(table).join(', ')}`)
  return found[1]
}

export const readProtocol = (value: unknown): Leaves => {
  const [ssl, sasl] = word(value, {
    plaintext: [false, false],
    ssl: [true, false],
    sasl_plaintext: [false, true],
    sasl_ssl: [true, true],
  } as const)
  return { 'kafka.ssl.enabled': ssl, 'kafka.sasl.enabled': sasl }
}

export const readIsolation = (value: unknown): Leaves => ({
  'consumer.readUncommitted': word(value, { read_committed: false, read_uncommitted: true }),
})

export const readReset = (value: unknown): Leaves => {
  if (value === 'none') throw new BadValue('"none" is not supported: expected earliest or latest')
  if (typeof value === 'string' && value.startsWith('by_duration')) {
    throw new BadValue('"by_duration" is not supported: expected earliest or latest')
  }
  return { 'processing.fromBeginning': word(value, { earliest: true, latest: false }) }
}

const JAVA_ASSIGNORS: Readonly<Record<string, string>> = {
  'org.apache.kafka.clients.consumer.CooperativeStickyAssignor': 'cooperative-sticky',
  'org.apache.kafka.clients.consumer.RangeAssignor': 'range',
  'org.apache.kafka.clients.consumer.RoundRobinAssignor': 'roundrobin',
  CooperativeStickyAssignor: 'cooperative-sticky',
  RangeAssignor: 'range',
  RoundRobinAssignor: 'roundrobin',
}

/** A list, whether it is one already or text with commas. */
export const readList = (value: unknown): unknown =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    : value

export const readAssignors = (value: unknown): Leaves => {
  const names = readList(value)
  if (!Array.isArray(names)) throw new BadValue('expected a list of assignors, separated by commas')
  return {
    'processing.assignors': names.map((name: unknown) =>
      typeof name === 'string' && Object.hasOwn(JAVA_ASSIGNORS, name) ? JAVA_ASSIGNORS[name] : name,
    ),
  }
}

const TLS_VERSIONS: readonly unknown[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

export const readEnabledProtocols = (value: unknown): Leaves => {
  const names = readList(value)
  const ranks = Array.isArray(names) ? names.map((name: unknown) => TLS_VERSIONS.indexOf(name)) : []
  if (ranks.length === 0 || ranks.includes(-1)) throw new BadValue(`expected some of ${TLS_VERSIONS.join(', ')}`)
  return {
    'kafka.ssl.minVersion': TLS_VERSIONS[Math.min(...ranks)],
    'kafka.ssl.maxVersion': TLS_VERSIONS[Math.max(...ranks)],
  }
}

/** A reader of a PEM file that sets all of those leaves to its text: a key store file may hold certificates and key. */
export const readPem =
  (...paths: readonly string[]) =>
  (value: unknown): Leaves => {
    if (typeof value !== 'string' || value === '') throw new BadValue('expected the path of a PEM file')
    let pem: string
    try {
      pem = readFileSync(value, 'utf8')
    } catch (cause) {
      throw new BadValue(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    if (!pem.includes('-----BEGIN ')) {
      throw new BadValue('is not a PEM file. Node reads no Java key stores: export it as PEM')
    }
    return Object.fromEntries(paths.map((path) => [path, pem]))
  }

const JAAS = /^\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)\b(.*?);?\s*$/is
const JAAS_OPTION = /(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))/g

/** User and password of a JAAS entry with Kafka's own PLAIN or SCRAM login module. */
export const readJaas = (value: unknown): Leaves => {
  const [, loginModule, rest] = (typeof value === 'string' ? JAAS.exec(value) : null) ?? []
  if (loginModule === undefined || rest === undefined) {
    throw new BadValue('expected `<login module> required username="…" password="…";`')
  }
  if (!/\.(?:Plain|Scram)LoginModule$/.test(loginModule)) {
    throw new BadValue(
      `${loginModule} cannot be honoured: expected PlainLoginModule or ScramLoginModule. For OAuth give sasl: { mechanism: "oauthbearer", oauthBearerProvider: "./token.js" }`,
    )
  }
  const options = new Map(
    [...rest.matchAll(JAAS_OPTION)].map(([, name, double, single, bare]) => [
      name,
      (double ?? single)?.replace(/\\(.)/g, '$1') ?? bare,
    ]),
  )
  return { 'kafka.sasl.username': options.get('username'), 'kafka.sasl.password': options.get('password') }
}
