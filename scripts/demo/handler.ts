import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Handler } from '#src/index.js'
import { compress } from './compress.js'
import { Journal } from './journal.js'

const folder = process.env.DEMO_JOURNAL ?? ''
const journal = new Journal(folder)

/** True for the first thread that asks, ever. */
const isFirst = (): boolean => {
  try {
    writeFileSync(join(folder, 'crashed'), '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

/** A bug of the kind that no `try` around the handler can catch: it ends the thread. */
const crash = (): Promise<never> =>
  new Promise(() => {
    setImmediate(() => {
      throw new Error('crashed on purpose')
    })
  })

/** Compresses a document. One message has a header that asks for a crash, which it gets once. */
export default ((message) => {
  const number = Number(message.key)
  const document = message.value ?? Buffer.alloc(0)
  journal.begun(number)
  if ('crash' in message.headers && isFirst()) return crash()

  const since = performance.now()
  const compressed = compress(document)
  journal.done(number, { bytesIn: document.length, bytesOut: compressed.length, ms: performance.now() - since })
}) satisfies Handler
