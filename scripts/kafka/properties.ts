import type { BrokerSettings } from './options.js'

/** Where one node listens. `id` is Kafka's `node.id`; nodes are numbered from 1. */
export interface NodeAddresses {
  readonly id: number
  /** Listeners by name: where the socket is bound and what other machines are told. */
  readonly client: { readonly bind: string; readonly advertised: string }
  /** Only where nodes do not reach each other by the address that clients use. */
  readonly internal?: { readonly bind: string; readonly advertised: string }
  readonly controller: { readonly bind: string; readonly advertised: string }
}

const listeners = (node: NodeAddresses, side: 'bind' | 'advertised'): string[] => [
  `PLAINTEXT://${node.client[side]}`,
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
  settings: Pick<BrokerSettings, 'rebalanceDelayMs' | 'minSessionTimeoutMs' | 'properties'>,
): string => {
  const replicas = Math.min(3, all.length)
  const inSync = Math.min(2, replicas)
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'broker.rack': `rack-${node.id}`,
    'controller.quorum.voters': all.map(({ id, controller }) => `${id}@${controller.advertised}`).join(','),
    listeners: [...listeners(node, 'bind'), `CONTROLLER://${node.controller.bind}`].join(','),
    'advertised.listeners': listeners(node, 'advertised').join(','),
    'inter.broker.listener.name': node.internal === undefined ? 'PLAINTEXT' : 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT',
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
    ...settings.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
