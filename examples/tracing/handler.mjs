// Runs inside the span of its message: what it begins here is a child of that, and so is what an instrumentation of fetch or of
// a database begins.
import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'

const tracer = trace.getTracer('orders')

/** @satisfies {import('kafka-consumer-pool/handler').Handler} */
const handle = async ({ value }) => {
  await tracer.startActiveSpan('price the order', async (span) => {
    span.setAttribute('order.bytes', value?.length ?? 0)
    await sleep(5)
    span.end()
  })
}

export default handle
