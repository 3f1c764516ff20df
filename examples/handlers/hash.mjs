// A handler with a lot to compute. It runs in every worker thread, so a slow one keeps a core busy and nothing else: not
// the heartbeats, not the other threads.
import { scryptSync } from 'node:crypto'

/** @satisfies {import('kafka-consumer-pool').Handler} */
const handler = (message, context) => {
  if (message.value === null) return // a tombstone
  const hash = scryptSync(message.value, message.key ?? 'no key', 32, { N: 2 ** 13 })
  context.log.info({ hash: hash.toString('hex') }, 'hashed')
  // Coming back means: finished. The offset is committed by the pool.
}

export default handler
