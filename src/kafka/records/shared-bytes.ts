import { markAsUntransferable } from 'node:worker_threads'

/**
 * Bytes in which the fields of many messages lie. A handler that gave those of one away to another thread (`transfer`,
 * `transferList`) would leave all others without theirs, and they would look empty. Node 20 copies them instead, later ones
 * throw a `DataCloneError`.
 */
export const sharedBytes = (bytes: Buffer): Buffer => {
  markAsUntransferable(bytes.buffer)
  return bytes
}
