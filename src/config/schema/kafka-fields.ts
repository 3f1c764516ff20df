import { types } from 'node:util'
import { z } from 'zod'
import { clientIdBaseFault } from '../../identity.js'
import { count, field, milliseconds, text } from './fields.js'

const isAddress = (address: string): boolean => {
  const port = /^[^\s:/@,]+:(\d{1,5})$/.exec(address)?.[1]
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535
}

// By what it is, not by its class: a Buffer may come from another realm.
const binary = z.custom<Uint8Array>(types.isUint8Array)

/**
 * Certificates and keys. Node passes over an authority that is no PEM without a word, and then trusts nobody; a Buffer
 * that holds PEM has become text by now.
 */
const material = (label: string, location: string, description: string) => {
  const pem = z.string().refine((text) => text.includes('-----BEGIN ') && text.includes(label))
  return field(
    z.union([pem, z.array(pem).min(1)]).optional(),
    `PEM text with a ${label} ("-----BEGIN …"), a Buffer of it, or an array of them; the path of a file goes under ${location}`,
    `${description} PEM text or a Buffer.`,
  )
}

const module = (description: string) =>
  field(
    z.string().min(1).optional(),
    'the path, file URL or package name of a module',
    `${description} A module: \`./path\`, file URL or package name.`,
  )

/** TLS, as the options of Node's `tls.connect` that can be cloned to a thread. */
const sslFields = z.strictObject({
  enabled: field(z.boolean().optional(), 'true or false', 'Whether the connections use TLS.'),
  ca: material(
    'CERTIFICATE',
    '"ssl.ca.location"',
    'Certificates of the authorities to trust, instead of those that Node trusts.',
  ),
  cert: material('CERTIFICATE', '"ssl.certificate.location"', 'Certificate chain of this client.'),
  key: material('PRIVATE KEY', '"ssl.key.location"', 'Private key of this client.'),
  passphrase: text('Password of `key` or `pfx`.'),
  pfx: field(
    z.union([z.string().min(1), binary]).optional(),
    'the bytes of a PKCS #12 file, as a Buffer',
    'Private key and certificate chain in one PKCS #12 file, as a Buffer.',
  ),
  servername: text('Host name to ask for and to check the certificate against (SNI).'),
  rejectUnauthorized: field(
    z.boolean().optional(),
    'true or false',
    'Whether a broker whose certificate cannot be verified is refused. Node does so unless this is `false`.',
  ),
  minVersion: field(
    z.enum(['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1']).optional(),
    'one of "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"',
    'Lowest version of TLS to use.',
  ),
  maxVersion: field(
    z.enum(['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1']).optional(),
    'one of "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"',
    'Highest version of TLS to use.',
  ),
  ciphers: text('Cipher suites, by their OpenSSL names, separated by colons.'),
  sigalgs: text('Signature algorithms, separated by colons.'),
  ecdhCurve: text('Curves for the key agreement, separated by colons.'),
  crl: material('CRL', 'readFileSync()', 'Certificate revocation lists.'),
})

/** Authentication, with KafkaJS's names. */
const saslFields = z.strictObject({
  enabled: field(z.boolean().optional(), 'true or false', 'Whether the connections authenticate with SASL.'),
  mechanism: field(
    z
      .string()
      .regex(/^[a-z0-9_-]{1,20}$/)
      .optional(),
    'the name of a SASL mechanism, such as "plain" or "scram-sha-512"',
    'How to authenticate: `plain`, `scram-sha-256`, `scram-sha-512`, `aws`, `oauthbearer`, or another for which there is an `authenticationProvider`. Upper case is as good.',
  ),
  username: text('For `plain` and `scram-*`.'),
  password: text('For `plain` and `scram-*`.'),
  authorizationIdentity: text('For `aws`.'),
  accessKeyId: text('For `aws`.'),
  secretAccessKey: text('For `aws`.'),
  sessionToken: text('For `aws`, with temporary credentials.'),
  oauthBearerProvider: module('For `oauthbearer`: exports the function that resolves with `{ value: token }`.'),
  authenticationProvider: module(
    'For any mechanism: exports a function like the `authenticationProvider` of KafkaJS, which authenticates in its place.',
  ),
})

/** The connection to the cluster. */
export const kafkaFields = z.strictObject({
  brokers: field(
    z.array(z.string().refine(isAddress)).min(1).optional(),
    'a list of at least one address like "host:9092"',
    'Addresses (`host:port`) from which the cluster is discovered.',
    'required',
  ),
  clientId: field(
    z
      .string()
      .refine((base) => clientIdBaseFault(base) === undefined)
      .default('kafka-consumer-pool'),
    '1 to 214 characters of A-Z a-z 0-9 . _ -',
    'Base of every `client.id`. Each client of the cluster (that of a seat, that of a thread) gets its own, made with it: `<base>-<slot>-<time>-<random>`.',
  ),
  ssl: sslFields,
  sasl: saslFields,
  connectionTimeout: milliseconds(
    10_000,
    "How long to wait for a connection to one broker and its first answer; Kafka's own default, because a name may take seconds to resolve. A seat waits for a sixth of `sessionTimeout` at most. Another address is tried after a second already. While handlers block its thread, a connection, authentication or request gets some rounds of the event loop at the least, however long they take.",
  ),
  authenticationTimeout: milliseconds(
    10_000,
    'How long the authentication of a connection may take; that of a seat a sixth of `sessionTimeout` at most.',
  ),
  reauthenticationThreshold: milliseconds(
    10_000,
    'How long before the end of a SASL session (KIP-368) the connection authenticates anew; 5 to 15 % of its lifetime, whatever stands here.',
    { min: 0 },
  ),
  requestTimeout: milliseconds(
    30_000,
    'How long to wait for the answer to a request. A seat waits for a third of `sessionTimeout` at most, so that a connection that has gone silent does not cost the membership; a commit waits for 6 s at most, so that a stop has time to send it on another, and so does who looks up the coordinator, which partitions there are to assign, or where they begin, but for twice as long after each silence.',
  ),
  retry: z.strictObject({
    retries: count(
      5,
      'How often all addresses are tried again before `start()` fails because none can be reached; the default makes ten seconds where nobody listens, a minute where nobody answers. No request is repeated for it, and a pool that runs goes on for ever.',
      {
        min: 0,
      },
    ),
    initialRetryTime: milliseconds(
      300,
      'How long to wait before all addresses are tried a second time; doubles each time.',
    ),
    maxRetryTime: milliseconds(30_000, 'Longest wait before they are tried again.'),
  }),
  codecs: z.strictObject({
    snappy: module('Decompresses snappy, for instance `kafkajs-snappy`.'),
    lz4: module('Decompresses LZ4, for instance `kafkajs-lz4`.'),
    zstd: module('Decompresses Zstandard, for instance `@kafkajs/zstd`.'),
  }),
})
