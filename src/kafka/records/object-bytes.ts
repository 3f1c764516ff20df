import { DecompressedTooLarge } from './codecs.js'

/*
 * Memory that objects take beside the bytes that they point to, as measured on Node 20 (tests measure it again).
 */

/** A message with its place in two arrays. */
export const MESSAGE_BYTES = 80
/** What the messages of a batch share. */
export const BATCH_BYTES = 192

/** @throws DecompressedTooLarge when so many messages of one batch take more than that as objects */
export const refuseTooMany = (messages: number, maxBytes: number): void => {
  const objectBytes = messages * MESSAGE_BYTES
  if (objectBytes > maxBytes)
    throw new DecompressedTooLarge(`${messages} messages, which take ${objectBytes} bytes as objects`)
}
