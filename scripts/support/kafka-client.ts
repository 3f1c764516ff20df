import { createRequire } from 'node:module'
import { type Admin, Kafka, type KafkaConfig, logLevel, Partitioners, type Producer } from 'kafkajs'

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

const { prototype: queue } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  readonly prototype: RequestQueue
}
const { scheduleCheckPendingRequests } = queue

// KafkaJS goes on setting this timer when no request waits for it, to times in the past, of which Node 24 warns.
queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
}

/** A KafkaJS client that logs nothing, for everything that is said to a broker beside the pool. */
export const kafkaClient = (config: KafkaConfig): Kafka => new Kafka({ logLevel: logLevel.NOTHING, ...config })

/**
 * A producer whose partitions come from the messages or from their keys, as in the Java client. Idempotent: KafkaJS
 * repeats a whole request when one of its partitions was refused, and the others shall not get their messages twice.
 */
export const exactProducer = (kafka: Kafka): Producer =>
  kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1 })

/** Resolves with what an admin client is told that is connected for this one errand. */
export const withAdmin = async <T>(config: KafkaConfig, ask: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = kafkaClient(config).admin()
  try {
    await admin.connect()
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}
