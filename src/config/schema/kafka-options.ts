import type { Count, Flag, KafkaProperties, List, Text } from '../names/kafka-properties.js'

/*
 * What a user may write in `kafka` and `consumer`, with its meaning for editors. The schema is what counts: a test does not
 * compile when names or types here and there differ, and compares the defaults.
 */

type Pem = string | Uint8Array | readonly (string | Uint8Array)[] | undefined

/** A module that each thread imports: `./path` (from the working directory), file URL or package name. */
export type ModuleSpecifier = string | URL

export type TlsVersion = 'TLSv1.3' | 'TLSv1.2' | 'TLSv1.1' | 'TLSv1'

/** Node's TLS options, as far as they can be sent to a thread. */
export interface SslOptions {
  /** Certificates of the authorities to trust, instead of those that Node trusts. */
  ca?: Pem
  /** Certificate chain of this client. */
  cert?: Pem
  /** Private key of this client. */
  key?: Pem
  /** Password of `key` or `pfx`. */
  passphrase?: Text
  /** Private key and certificate chain in one PKCS #12 file, as a Buffer. */
  pfx?: Uint8Array | undefined
  /** Host name to ask for and to check the certificate against (SNI). */
  servername?: Text
  /** Whether a broker whose certificate cannot be verified is refused. Node does so unless this is `false`. */
  rejectUnauthorized?: Flag
  /** Lowest version of TLS to use. */
  minVersion?: TlsVersion | undefined
  /** Highest version of TLS to use. */
  maxVersion?: TlsVersion | undefined
  /** Cipher suites, by their OpenSSL names, separated by colons. */
  ciphers?: Text
  /** Signature algorithms, separated by colons. */
  sigalgs?: Text
  /** Curves for the key agreement, separated by colons. */
  ecdhCurve?: Text
  /** Certificate revocation lists. */
  crl?: Pem
}

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'aws' | 'oauthbearer'

/** How to authenticate. A layer may give a part (only the password, say) when another has the rest. */
export interface SaslOptions {
  /** Which mechanism: a built-in one, or any with an `authenticationProvider`. */
  mechanism?: SaslMechanism | Uppercase<SaslMechanism> | (string & {}) | undefined
  /** For `plain` and `scram-*`. */
  username?: Text
  /** For `plain` and `scram-*`. */
  password?: Text
  /** For `aws`. */
  authorizationIdentity?: Text
  /** For `aws`. */
  accessKeyId?: Text
  /** For `aws`. */
  secretAccessKey?: Text
  /** For `aws`, with temporary credentials. */
  sessionToken?: Text
  /** For `oauthbearer`: a module that exports the function which resolves with `{ value: token }`. */
  oauthBearerProvider?: ModuleSpecifier | undefined
  /** For any mechanism: a module that exports a function like KafkaJS's `authenticationProvider`. */
  authenticationProvider?: ModuleSpecifier | undefined
}

/** How the addresses are tried until a connection stands. */
export interface KafkaRetryOptions {
  /** How often all addresses are tried again before a start fails. @default 5 */
  retries?: Count
  /** Milliseconds before all addresses are tried a second time; doubles each time. @default 300 */
  initialRetryTime?: Count
  /** Longest wait before they are tried again, in milliseconds. @default 30_000 */
  maxRetryTime?: Count
}

/** Codecs beyond gzip, which is built in. Each is a module like those that KafkaJS uses. */
export interface CodecOptions {
  /** For instance `'kafkajs-snappy'`. */
  snappy?: ModuleSpecifier | undefined
  /** For instance `'kafkajs-lz4'`. */
  lz4?: ModuleSpecifier | undefined
  /** For instance `'@kafkajs/zstd'`. Not needed where Node itself has it (22.15 and later). */
  zstd?: ModuleSpecifier | undefined
}

/** The connection to the cluster: KafkaJS's names, or Kafka's. */
export interface KafkaOptions extends KafkaProperties {
  /** Addresses (`host:port`) from which the cluster is discovered. Required in some layer. */
  brokers?: List
  /**
   * Base of every `client.id`. Each client (that of a seat, that of a thread) gets its own: `<base>-<slot>-<time>-<random>`.
   *
   * @default 'kafka-consumer-pool'
   */
  clientId?: Text
  /** TLS: `true`, or options of Node's. @default none */
  ssl?: boolean | 'true' | 'false' | SslOptions | undefined
  /** Authentication. `false` turns off what an outer layer set. @default none */
  sasl?: false | SaslOptions | undefined
  /** Milliseconds to wait for a connection to one broker; a seat waits a sixth of its session at most. @default 10_000 */
  connectionTimeout?: Count
  /** Milliseconds that the authentication of a connection may take; of a seat's a sixth of the session. @default 10_000 */
  authenticationTimeout?: Count
  /**
   * Milliseconds before the end of a SASL session (KIP-368) at which the connection authenticates anew; 5 to 15 % of its
   * lifetime, whatever stands here.
   *
   * @default 10_000
   */
  reauthenticationThreshold?: Count
  /** Milliseconds to wait for the answer to a request; a seat waits a third of its session at most. @default 30_000 */
  requestTimeout?: Count
  /** How the addresses are tried until a connection stands. */
  retry?: KafkaRetryOptions | undefined
  /** Codecs beyond gzip. */
  codecs?: CodecOptions | undefined
}

/** The member of the group and its fetches: KafkaJS's names, or Kafka's. */
export interface ConsumerOptions extends KafkaProperties {
  /** Name of the consumer group. Required in some layer. */
  groupId?: Text
  /**
   * Makes the slots static members (KIP-345), which keep their partitions over a restart of the process. One slot in
   * the group uses it as it is; of several each gets `<id>-<slot>`, or has its number in the place of `{slot}`. An id
   * from `perSlot` is that slot's own and gets no number. Up to 249 characters of A-Z a-z 0-9 . _ - in the end.
   *
   * @default none: dynamic members
   */
  groupInstanceId?: Text
  /** Milliseconds without a heartbeat after which the coordinator gives the partitions to others. @default 45_000 */
  sessionTimeout?: Count
  /**
   * Milliseconds between two heartbeats; at most a third of `sessionTimeout`, and 3,700 less than `rebalanceTimeout`.
   *
   * @default 3_000
   */
  heartbeatInterval?: Count
  /** Milliseconds that the coordinator waits in a rebalance for the members to rejoin. @default 60_000 */
  rebalanceTimeout?: Count
  /** Bytes that one fetch may return in all; less is asked for when less is needed. @default 10_485_760 */
  maxBytes?: Count
  /** Bytes that one fetch may return of one partition; less is asked for when less is needed. @default 1_048_576 */
  maxBytesPerPartition?: Count
  /**
   * Bytes that one batch may have when it is decompressed, and again that its messages may have as objects (80 each); a
   * larger one stops its partition.
   *
   * @default 67_108_864
   */
  maxDecompressedBytes?: Count
  /** Bytes that the broker collects before it answers a fetch: no more than is asked for, one at first. @default 1 */
  minBytes?: Count
  /** Milliseconds that the broker may wait for `minBytes`. @default 500 */
  maxWaitTimeInMs?: Count
  /** Milliseconds after which metadata is asked for anew, and added partitions are noticed; at least 1,000. @default 300_000 */
  metadataMaxAge?: Count
  /** Whether messages of open and aborted transactions are read too. @default false */
  readUncommitted?: Flag
  /** Rack of this client, for fetches from the nearest replica (KIP-392). @default none */
  rackId?: Text
}
