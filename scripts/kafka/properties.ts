import type { BrokerSettings } from './options.js'
import { securityProperties } from './security.js'

export interface ListenerAddress {
  readonly bind: string
  readonly advertised: string
}

/** Where one node listens. `id` is Kafka's `node.id`; nodes are numbered from 1. */
export interface NodeAddresses {
  readonly id: number
  /** The plain listener of clients: where the socket is bound and what other machines are told. */
  readonly client: ListenerAddress
  /** Secured listeners by name. */
  readonly secured: Readonly<Record<string, ListenerAddress>>
  /** Only where nodes do not reach each other by the address that clients use. */
  readonly internal?: ListenerAddress
  readonly controller: ListenerAddress
}

const listeners = (node: NodeAddresses, side: 'bind' | 'advertised'): string[] => [
  `PLAINTEXT://${node.client[side]}`,
  ...Object.entries(node.secured).map(([name, address]) => `${name}://${address[side]}`),
  ...(node.internal === undefined ? [] : [`INTERNAL://${node.internal[side]}`]),
]

/**
 * The server.properties of one node of a KRaft cluster in combined mode (every node is broker and controller), sized
 * for a laptop: few internal partitions, little memory, nothing that is deleted by age.
 */
export const serverProperties = (
  node: NodeAddresses,
  all: readonly NodeAddresses[],
  logDir: string,
  settings: Pick<BrokerSettings, 'rebalanceDelayMs' | 'minSessionTimeoutMs' | 'properties' | 'security'>,
): string => {
  const replicas = Math.min(3, all.length)
  const inSync = Math.min(2, replicas)
  const protocols = Object.entries(settings.security.listeners).map(([name, { protocol }]) => `${name}:${protocol}`)
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'broker.rack': `rack-${node.id}`,
    'controller.quorum.voters': all.map(({ id, controller }) => `${id}@${controller.advertised}`).join(','),
    listeners: [...listeners(node, 'bind'), `CONTROLLER://${node.controller.bind}`].join(','),
    'advertised.listeners': listeners(node, 'advertised').join(','),
    'inter.broker.listener.name': node.internal === undefined ? 'PLAINTEXT' : 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [
      ...['CONTROLLER:PLAINTEXT', 'INTERNAL:PLAINTEXT', 'PLAINTEXT:PLAINTEXT'],
      ...protocols,
    ].join(','),
    'log.dirs': logDir,
    // A broker that was killed is taken back as soon as its old session is over: 3 s instead of 9.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': settings.rebalanceDelayMs,
    'group.min.session.timeout.ms': settings.minSessionTimeoutMs,
    'log.retention.ms': -1,
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    ...securityProperties(settings.security),
    ...settings.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
