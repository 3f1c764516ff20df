// Asynchronous: with `concurrency: 8` up to 8 partitions of a slot have a message in flight at once, each in order.
import type { Handler } from 'kafka-consumer-pool/handler'

const url = process.env.WEBHOOK_URL

export default (async (message, { signal, log, attempt }) => {
  if (url === undefined) {
    log.info({ key: message.key?.toString(), attempt }, 'WEBHOOK_URL is not set; nothing is sent')
    return
  }
  // The signal aborts when the request must end now: its time is up (maxProcessingMs), another member has the partition,
  // or the pool stops and drainTimeoutMs is nearly over. The rejection of `fetch` then says that the message is not
  // finished. A stop that has time lets the request come to its end, so that a restart delivers nothing twice.
  const body = message.value === null ? '' : message.value.toString()
  const response = await fetch(url, { method: 'POST', body, signal })
  // What is thrown here is tried again, as `retry` says.
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`)
}) satisfies Handler
