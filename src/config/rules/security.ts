import type { Issues } from '../issues.js'
import { atLeast, type Layer, type Setting } from '../layers/layer.js'
import type { KafkaConfig } from '../resolved.js'
import { leavesUnder } from '../schema/leaves.js'

/*
 * ssl and sasl are merged leaf by leaf like everything else, with a switch (`enabled`) among the leaves that
 * `security.protocol`, `ssl: true` and `ssl: { … }` set. Here the leaves become what KafkaJS wants, or a fault.
 */

type Options = ReadonlyMap<string, Setting>

const optionsAt = (layer: Layer, prefix: 'kafka.ssl' | 'kafka.sasl'): Options =>
  new Map(
    leavesUnder(prefix).flatMap(({ path }) => {
      const setting = layer.get(path)
      const name = path.slice(prefix.length + 1)
      return setting === undefined || name === 'enabled' ? [] : [[name, setting] as const]
    }),
  )

const toObject = (options: Options): Record<string, unknown> =>
  Object.fromEntries([...options].map(([name, { value }]) => [name, value]))

/**
 * Options of a section that is off: those that were meant for an outer layer, which the switch overrides, are let go;
 * one that stands beside the switch or further in is a contradiction that Java would pass over in silence.
 */
const reportUnused = (options: Options, enabled: Setting | undefined, what: string, issues: Issues): void => {
  for (const [name, { from, rank }] of options) {
    if (enabled === undefined) {
      const [plain, tls] =
        what === 'TLS' ? ['ssl: true', 'SSL or SASL_SSL'] : ['sasl: { … }', 'SASL_SSL or SASL_PLAINTEXT']
      issues.add(
        from,
        `sets ${name}, but nothing turns ${what} on. Set security.protocol to ${tls}, or give it as ${plain}`,
      )
    } else if (atLeast(rank, enabled.rank)) {
      issues.add(from, `sets ${name}, but ${enabled.from} turns ${what} off. Remove one of them`)
    }
  }
}

/** What the merged layers say of TLS. */
export const resolveSsl = (layer: Layer, issues: Issues): KafkaConfig['ssl'] => {
  const enabled = layer.get('kafka.ssl.enabled')
  const options = optionsAt(layer, 'kafka.ssl')
  if (enabled?.value === true) return options.size === 0 ? true : toObject(options)
  if (!issues.isFaulty('kafka.ssl.enabled')) reportUnused(options, enabled, 'TLS', issues)
  return enabled === undefined ? null : false
}

interface Credentials {
  readonly required: readonly string[]
  readonly optional?: readonly string[]
}

const PASSWORD: Credentials = { required: ['username', 'password'] }
const CUSTOM: Credentials = { required: ['authenticationProvider'] }

const BUILT_IN: ReadonlyMap<unknown, Credentials> = new Map([
  ['plain', PASSWORD],
  ['scram-sha-256', PASSWORD],
  ['scram-sha-512', PASSWORD],
  ['aws', { required: ['authorizationIdentity', 'accessKeyId', 'secretAccessKey'], optional: ['sessionToken'] }],
  ['oauthbearer', { required: ['oauthBearerProvider'] }],
])

/** A provider of one's own replaces that of KafkaJS, unless a built-in mechanism was chosen further in. */
const credentialsOf = (mechanism: Setting, provider: Setting | undefined): Credentials => {
  const builtIn = BUILT_IN.get(mechanism.value)
  return builtIn === undefined || (provider !== undefined && atLeast(provider.rank, mechanism.rank)) ? CUSTOM : builtIn
}

const reportMissing = (mechanism: Setting, names: readonly string[], issues: Issues): void => {
  for (const name of names) {
    if (issues.isFaulty(`kafka.sasl.${name}`)) continue
    const known = BUILT_IN.has(mechanism.value) ? '' : ` (built in are ${[...BUILT_IN.keys()].join(', ')})`
    issues.add(mechanism.from, `mechanism ${mechanism.value} needs ${name}${known}. Add sasl.${name}`)
  }
}

/** What the merged layers say of SASL: the mechanism with exactly the credentials that it needs, or null. */
export const resolveSasl = (layer: Layer, issues: Issues): KafkaConfig['sasl'] => {
  const enabled = layer.get('kafka.sasl.enabled')
  const options = optionsAt(layer, 'kafka.sasl')
  if (enabled?.value !== true) {
    if (!issues.isFaulty('kafka.sasl.enabled')) reportUnused(options, enabled, 'SASL', issues)
    return null
  }
  const mechanism = options.get('mechanism')
  if (mechanism === undefined) {
    if (!issues.isFaulty('kafka.sasl.mechanism')) {
      issues.add(enabled.from, 'turns SASL on, but no mechanism is set. Add sasl.mechanism (plain, scram-sha-512, …)')
    }
    return null
  }
  const { required, optional = [] } = credentialsOf(mechanism, options.get('authenticationProvider'))
  reportMissing(
    mechanism,
    required.filter((name) => !options.has(name)),
    issues,
  )
  const used = new Map([['mechanism', mechanism]])
  for (const [name, setting] of options) {
    if (required.includes(name) || optional.includes(name)) used.set(name, setting)
    else if (name !== 'mechanism' && atLeast(setting.rank, mechanism.rank)) {
      issues.add(
        setting.from,
        `mechanism ${mechanism.value} has no use for ${name}. Remove it, or change the mechanism`,
      )
    }
  }
  return toObject(used)
}
