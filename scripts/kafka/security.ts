/** A listener beside the plain one, and what it demands of clients. */
export interface SecuredListener {
  readonly protocol: 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  /** For the two protocols with SASL. `OAUTHBEARER` takes unsecured tokens, whoever made them. */
  readonly mechanisms?: readonly ('PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER')[]
  /** With TLS: a client must have a certificate. @default false */
  readonly clientCertificates?: boolean
  /** `connections.max.reauth.ms`: how long a client is believed. @default for ever */
  readonly maxReauthMs?: number
}

/** What the broker needs for listeners that demand something of clients. */
export interface BrokerSecurity {
  /** By name, which consists of capitals, digits and `_`. */
  readonly listeners: Readonly<Record<string, SecuredListener>>
  /** Passwords by user, for PLAIN and SCRAM: letters, digits and `-`, for nothing here quotes them. @default none */
  readonly users?: Readonly<Record<string, string>>
  /** The nodes' certificate and key, and the authority that clients' certificates must come from, each as PEM text. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
}

export const NO_SECURITY: BrokerSecurity = { listeners: {} }

const LOGIN_MODULES = 'org.apache.kafka.common.security'

/** What the broker's end of a mechanism is configured with; the users of SCRAM are in the cluster's metadata. */
const jaas = (mechanism: string, users: Readonly<Record<string, string>>): string => {
  if (mechanism === 'OAUTHBEARER') return `${LOGIN_MODULES}.oauthbearer.OAuthBearerLoginModule required;`
  if (mechanism !== 'PLAIN') return `${LOGIN_MODULES}.scram.ScramLoginModule required;`
  const entries = Object.entries(users).map(([user, password]) => ` user_${user}="${password}"`)
  return `${LOGIN_MODULES}.plain.PlainLoginModule required${entries.join('')};`
}

/** A value of several lines, as Java reads it from a properties file. */
const oneLine = (pem: string): string => pem.trimEnd().replaceAll('\n', '\\n')

const listenerProperties = (
  name: string,
  { mechanisms = [], clientCertificates = false, maxReauthMs }: SecuredListener,
  users: Readonly<Record<string, string>>,
): [string, string | number][] => {
  const prefix = `listener.name.${name.toLowerCase()}`
  return [
    [`${prefix}.ssl.client.auth`, clientCertificates ? 'required' : 'none'],
    [`${prefix}.sasl.enabled.mechanisms`, mechanisms.join(',')],
    ...mechanisms.flatMap((mechanism): [string, string | number][] => [
      [`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`, jaas(mechanism, users)],
      [`${prefix}.${mechanism.toLowerCase()}.connections.max.reauth.ms`, maxReauthMs ?? 0],
    ]),
  ]
}

/** The lines of a node's server.properties that belong to the secured listeners, without their addresses. */
export const securityProperties = ({
  listeners,
  users = {},
  tls,
}: BrokerSecurity): Readonly<Record<string, string | number>> => ({
  ...(tls === undefined
    ? {}
    : {
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.certificate.chain': oneLine(tls.cert),
        'ssl.keystore.key': oneLine(tls.key),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.certificates': oneLine(tls.ca),
      }),
  ...Object.fromEntries(
    Object.entries(listeners).flatMap(([name, listener]) => listenerProperties(name, listener, users)),
  ),
})

/** Arguments of Kafka's storage tool that make the users known to SCRAM. */
export const scramArguments = ({ listeners, users = {} }: BrokerSecurity): string[] => {
  const mechanisms = new Set(Object.values(listeners).flatMap(({ mechanisms: enabled = [] }) => enabled))
  return [...mechanisms]
    .filter((mechanism) => mechanism.startsWith('SCRAM-'))
    .flatMap((mechanism) =>
      Object.entries(users).flatMap(([name, password]) => [
        '--add-scram',
        `${mechanism}=[name=${name},password=${password}]`,
      ]),
    )
}
