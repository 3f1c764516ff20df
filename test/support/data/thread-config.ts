import type { SlotConfig } from '#src/config/resolved.js'
import * as complete from '../config/slot-config.js'

/** What a thread gets in front of a {@link FakeCluster}: its topic, no broker, and no time lost before a retry. */
export const threadConfig = (more: Partial<SlotConfig> = {}): SlotConfig =>
  complete.slotConfig({
    topics: ['t'],
    handler: 'file:///nowhere/handler.mjs',
    retry: { ...complete.slotConfig().retry, attempts: 3, initialDelayMs: 1, maxDelayMs: 2 },
    kafka: complete.kafkaConfig({
      brokers: ['127.0.0.1:1'],
      retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1_000 },
    }),
    ...more,
  })
