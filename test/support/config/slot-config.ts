import { resolveConfig } from '#src/config/resolve.js'
import type { ConsumerConfig, KafkaConfig, SlotConfig } from '#src/config/resolved.js'

/* Complete resolved configurations: the defaults, with times that suit a test. */

const [complete] = resolveConfig({
  kafka: {
    brokers: ['127.0.0.1:9092'],
    clientId: 'test',
    connectionTimeout: 1_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000 },
  },
  consumer: { groupId: 'group' },
  topics: ['orders'],
  handler: 'file:///handler.js',
  fromBeginning: true,
  workers: 1,
}).slots as [SlotConfig]

export const kafkaConfig = (more: Partial<KafkaConfig> = {}): KafkaConfig => ({ ...complete.kafka, ...more })

export const consumerConfig = (more: Partial<ConsumerConfig> = {}): ConsumerConfig => ({
  ...complete.consumer,
  ...more,
})

type Overrides = Partial<Omit<SlotConfig, 'consumer'>> & { readonly consumer?: Partial<ConsumerConfig> }

/** Of a group where everybody gives everything up in each rebalance. */
export const eager = { assignors: ['roundrobin'] } as const satisfies Overrides

export const slotConfig = ({ consumer = {}, ...overrides }: Overrides = {}): SlotConfig => ({
  ...complete,
  consumer: consumerConfig(consumer),
  ...overrides,
})
