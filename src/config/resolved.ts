/*
 * What the merge of all layers yields: complete, checked, frozen, plain data that can be cloned to a thread.
 * Times are milliseconds, sizes bytes.
 */
export interface KafkaConfig {
  readonly brokers: readonly string[]
  /** Base of every client id. */
  readonly clientId: string
  readonly ssl: boolean | Readonly<Record<string, unknown>> | null
  readonly sasl: Readonly<Record<string, unknown>> | null
  readonly connectionTimeout: number
  readonly authenticationTimeout: number
  readonly reauthenticationThreshold: number
  readonly requestTimeout: number
  readonly retry: { readonly retries: number; readonly initialRetryTime: number; readonly maxRetryTime: number }
  /** Codec name (`snappy`, `lz4`, `zstd`) to the module (file URL or package name) that exports it. */
  readonly codecs: Readonly<Record<string, string>>
}

export interface ConsumerConfig {
  readonly groupId: string
  /** Final `group.instance.id` of this slot, or null for a dynamic member. */
  readonly groupInstanceId: string | null
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  readonly rebalanceTimeout: number
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
  readonly maxDecompressedBytes: number
  readonly minBytes: number
  readonly maxWaitTimeInMs: number
  readonly metadataMaxAge: number
  readonly readUncommitted: boolean
  readonly rackId: string | null
}

export type AssignorName = 'range' | 'roundrobin' | 'RoundRobinAssigner'

export interface RetryConfig {
  /** How often a message is tried in all. */
  readonly attempts: number
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  /** For how long a partition stands still at first before it is tried again, and at most. */
  readonly initialPauseMs: number
  readonly maxPauseMs: number
}

/** Everything one slot needs to know; `slot` counts through the whole pool. */
export interface SlotConfig {
  readonly slot: number
  /** Index in `subscriptions`. */
  readonly subscription: number
  readonly topics: readonly string[]
  /** Module of the handler, as a URL. */
  readonly handler: string
  readonly fromBeginning: boolean
  readonly assignors: readonly AssignorName[]
  readonly concurrency: number
  readonly retry: RetryConfig
  readonly onExhausted: 'pause' | 'skip'
  readonly maxProcessingMs: number
  readonly kafka: KafkaConfig
  readonly consumer: ConsumerConfig
}

export interface RestartConfig {
  readonly delayMs: number
  readonly maxDelayMs: number
  readonly healthyAfterMs: number
  readonly maxRestarts: number
  readonly maxPoolRestarts: number
  readonly windowMs: number
  readonly probeMs: number
}

export interface PoolSettings {
  readonly commitIntervalMs: number
  readonly drainTimeoutMs: number
  readonly loadTimeoutMs: number
  readonly terminateTimeoutMs: number
  readonly recovery: 'handover' | 'rejoin'
  readonly leaveOnStop: 'dynamic' | 'always' | 'never'
  readonly restart: RestartConfig
  readonly resourceLimits: {
    readonly maxOldGenerationSizeMb?: number
    readonly maxYoungGenerationSizeMb?: number
    readonly codeRangeSizeMb?: number
    readonly stackSizeMb?: number
  }
}

export interface ResolvedConfig {
  readonly pool: PoolSettings
  readonly slots: readonly SlotConfig[]
}
