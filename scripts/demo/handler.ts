import { brotliCompressSync, constants } from 'node:zlib'
import type { Handler } from '#src/index.js'
import { openRecorder } from '../support/recorder.js'

const BEST = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }

/** The work of the demo: brotli at full quality, which keeps a core busy for two seconds or so a megabyte. */
export const compress = (bytes: Uint8Array): Buffer => brotliCompressSync(bytes, BEST)

const recorder = openRecorder(process.env.DEMO_RECORD ?? '')

/** A bug of the kind that no `try` around the handler can catch: it ends the thread. */
const crash = (): Promise<never> =>
  new Promise(() => {
    setImmediate(() => {
      throw new Error('crashed on purpose')
    })
  })

/** Compresses a document. One message has a header that asks for a crash, which it gets once. */
export default ((message, context) => {
  const id = recorder.start(message, context)
  if ('crash' in message.headers && recorder.once('crash', message)) return crash()
  recorder.end(id, compress(message.value ?? Buffer.alloc(0)).length)
}) satisfies Handler
