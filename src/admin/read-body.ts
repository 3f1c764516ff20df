import type { IncomingMessage } from 'node:http'
import { type Answer, refusal } from './answer.js'

const MAX_BYTES = 16 * 1024

const tooLarge = (): Answer => refusal(413, `a body has ${MAX_BYTES} bytes at most`)

/** The body of a request, or what to answer when it is too long or does not arrive in whole. Never rejects. */
export const readBody = (request: IncomingMessage): Promise<string | Answer> => {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BYTES) return Promise.resolve(tooLarge())
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES) resolve(tooLarge())
      else chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString()))
    request.on('close', () => resolve(refusal(400, 'the body broke off')))
  })
}
