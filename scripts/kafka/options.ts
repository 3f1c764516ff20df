import { BrokerError } from './broker-error.js'
import { type BrokerSecurity, NO_SECURITY } from './security.js'

const DEFAULT_VERSION = '4.3.0'

/** Where clients reach a node when something of the caller's stands between: nodes reach each other in another way. */
export interface ClientPort {
  /** The node's own. */
  readonly port: number
  /** That of whatever stands before it, which clients are told. */
  readonly advertised: number
}

/** What a caller may ask of `startBroker`. */
export interface BrokerOptions {
  /** One node or three, each broker and controller at once. @default 1 */
  readonly nodes?: 1 | 3
  /** Kafka's release. @default the environment variable `KAFKA_VERSION`, else `4.3.0` */
  readonly version?: string
  /** Port of the first node; the others take the next ones. @default a free one */
  readonly port?: number
  /** For each node its own ports, in the place of `port`. @default free ones, which clients are told */
  readonly clientPorts?: readonly ClientPort[]
  /** `group.initial.rebalance.delay.ms`. @default 0 */
  readonly rebalanceDelayMs?: number
  /** `group.min.session.timeout.ms`. @default 1000 */
  readonly minSessionTimeoutMs?: number
  /** More lines for every node's server.properties; they win over everything else. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>
  /** Listeners with TLS and SASL, beside the plain one. @default none */
  readonly security?: BrokerSecurity
  /** How long the nodes may take to answer. @default 90000 */
  readonly startTimeoutMs?: number
  /** Hears of slow steps, such as a download. @default a line on stderr */
  readonly log?: (line: string) => void
}

export type BrokerSettings = Required<Omit<BrokerOptions, 'port' | 'clientPorts'>> &
  Pick<BrokerOptions, 'port' | 'clientPorts'>

const toStderr = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Fills in the defaults. The version becomes part of a path and of a command, so it is checked here. */
export const brokerSettings = (options: BrokerOptions, env: NodeJS.ProcessEnv): BrokerSettings => {
  const version = options.version ?? (env.KAFKA_VERSION || DEFAULT_VERSION)
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new BrokerError(`Kafka version: expected three numbers such as ${DEFAULT_VERSION}, got "${version}".`)
  }
  const nodes = options.nodes ?? 1
  if (nodes !== 1 && nodes !== 3) throw new BrokerError(`Kafka nodes: expected 1 or 3, got ${String(nodes)}.`)
  const { clientPorts } = options
  if (clientPorts !== undefined && clientPorts.length !== nodes) {
    throw new BrokerError(`Kafka client ports: expected one for each of ${nodes} nodes, got ${clientPorts.length}.`)
  }
  return {
    nodes,
    version,
    ...(options.port !== undefined && { port: options.port }),
    ...(clientPorts !== undefined && { clientPorts }),
    rebalanceDelayMs: options.rebalanceDelayMs ?? 0,
    minSessionTimeoutMs: options.minSessionTimeoutMs ?? 1000,
    properties: options.properties ?? {},
    security: options.security ?? NO_SECURITY,
    startTimeoutMs: options.startTimeoutMs ?? 90_000,
    log: options.log ?? toStderr,
  }
}

/** Those of the node at an index; nothing stands between unless the caller says so. @param free one that may be taken */
export const clientPortOf = (
  { port, clientPorts }: Pick<BrokerSettings, 'port' | 'clientPorts'>,
  index: number,
  free: number,
): ClientPort => {
  const own = port === undefined ? free : port + index
  return clientPorts?.[index] ?? { port: own, advertised: own }
}
