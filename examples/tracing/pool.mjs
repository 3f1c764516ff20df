// A span for each message, in the trace of whoever wrote it.
//
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 node examples/tracing/pool.mjs
import process from 'node:process'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','), clientId: 'tracing-example' },
  consumer: { groupId: 'tracing-example' },
  topics: [process.env.TOPIC ?? 'orders'],
  handler: new URL('./handler.mjs', import.meta.url),
  fromBeginning: true,
  // The SDK is not this package's business: it is registered in each thread, by a module of yours.
  threadImports: [new URL('./instrumentation.mjs', import.meta.url).href],
  tracing: true,
})

await pool.start()

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => pool.stop())
