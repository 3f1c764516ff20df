import type { SlotConfig } from '#src/config/resolved.js'
import { consumerConfig } from './fetcher-bench.js'

export const slotConfig = (more: Partial<SlotConfig> = {}): SlotConfig => ({
  slot: 0,
  subscription: 0,
  topics: ['t'],
  handler: 'file:///nowhere/handler.mjs',
  fromBeginning: true,
  assignors: ['roundrobin'],
  concurrency: 1,
  retry: { attempts: 3, initialDelayMs: 1, maxDelayMs: 2 },
  onExhausted: 'pause',
  maxProcessingMs: 300_000,
  kafka: {
    brokers: ['127.0.0.1:1'],
    clientId: 'test',
    ssl: null,
    sasl: null,
    connectionTimeout: 1_000,
    authenticationTimeout: 10_000,
    reauthenticationThreshold: 10_000,
    requestTimeout: 30_000,
    retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1_000 },
    codecs: {},
  },
  consumer: consumerConfig,
  ...more,
})
