import type { ConsumerConfig, KafkaConfig, SlotConfig } from '#src/config/resolved.js'

/* Complete resolved configurations with times that suit a test. */

export const kafkaConfig = (more: Partial<KafkaConfig> = {}): KafkaConfig => ({
  brokers: ['127.0.0.1:9092'],
  clientId: 'test',
  ssl: null,
  sasl: null,
  connectionTimeout: 1_000,
  authenticationTimeout: 10_000,
  reauthenticationThreshold: 10_000,
  requestTimeout: 30_000,
  retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000 },
  codecs: {},
  ...more,
})

export const consumerConfig = (more: Partial<ConsumerConfig> = {}): ConsumerConfig => ({
  groupId: 'group',
  groupInstanceId: null,
  sessionTimeout: 45_000,
  heartbeatInterval: 3_000,
  rebalanceTimeout: 60_000,
  maxBytes: 10_485_760,
  maxBytesPerPartition: 1_048_576,
  maxDecompressedBytes: 67_108_864,
  minBytes: 1,
  maxWaitTimeInMs: 500,
  metadataMaxAge: 300_000,
  readUncommitted: false,
  rackId: null,
  ...more,
})

type Overrides = Partial<Omit<SlotConfig, 'consumer'>> & { readonly consumer?: Partial<ConsumerConfig> }

export const slotConfig = ({ consumer = {}, ...overrides }: Overrides = {}): SlotConfig => ({
  slot: 0,
  subscription: 0,
  topics: ['orders'],
  handler: 'file:///handler.js',
  fromBeginning: true,
  assignors: ['roundrobin'],
  concurrency: 1,
  retry: { attempts: 10, initialDelayMs: 200, maxDelayMs: 60_000, initialPauseMs: 30_000, maxPauseMs: 600_000 },
  onExhausted: 'pause',
  maxProcessingMs: 300_000,
  kafka: kafkaConfig(),
  consumer: consumerConfig(consumer),
  ...overrides,
})
