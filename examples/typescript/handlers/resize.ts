// CPU-heavy and synchronous: the bare loop of the dispatcher calls it, one message after the other.
import { brotliCompressSync } from 'node:zlib'
import { type Handler, NonRetriableError } from 'kafka-consumer-pool/handler'

const LARGEST = 5 * 1024 * 1024

export default ((message, context) => {
  const { value } = message
  if (value === null) return
  // Trying again would not make it smaller, so the retries are skipped; then `onExhausted` decides.
  if (value.length > LARGEST) throw new NonRetriableError(`${value.length} bytes are more than ${LARGEST}`)
  const compressed = brotliCompressSync(value)
  context.log.info({ before: value.length, after: compressed.length }, 'compressed')
}) satisfies Handler
