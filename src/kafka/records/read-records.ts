import type { Message } from '../message.js'
import { ByteReader } from './byte-reader.js'
import { LazyMessage, type RecordFrame } from './lazy-message.js'

/** The messages of a partition as they are collected, batch after batch. */
export interface Collected {
  readonly messages: Message[]
  readonly offsets: number[]
}

/** Length, attributes, timestamp, offset, key, value and headers, a byte each. */
export const LEAST_RECORD_BYTES = 7

const malformed = (what: string, at: number): RangeError => new RangeError(`${what} at byte ${at} of the records`)

/** Passes over a field and returns its length; a negative one stands for null and takes no bytes. */
const passField = (reader: ByteReader, end: number, what: string): number => {
  const length = reader.varint()
  if (length > 0) reader.at += length
  if (reader.at > end) throw malformed(`a ${what} of ${length} bytes runs over the end of its record`, reader.at)
  return length
}

const checkHeaders = (reader: ByteReader, end: number): void => {
  const count = reader.varint()
  if (count < 0) throw malformed(`${count} headers`, reader.at)
  for (let left = count; left > 0; left--) {
    // As in Java's client.
    if (passField(reader, end, 'header name') < 0) throw malformed('a header without a name', reader.at)
    passField(reader, end, 'header value')
  }
}

/**
 * Makes a message of every record of a batch from offset `from` on. Every length in the records is checked here, so
 * that a message, which decodes itself when it is read, cannot fail in a handler; and every offset, so that what is
 * committed behind a message is behind that message alone.
 *
 * @param announced what the batch's header says of its records
 * @param most how many messages, at the most
 * @returns the offset of the last one, when there may be others behind it; null when these are all
 * @throws RangeError when the records are malformed; some messages may have been collected then
 */
export const readRecords = (
  frame: RecordFrame,
  announced: { readonly count: number; readonly lastOffsetDelta: number },
  from: number,
  into: Collected,
  most = Number.POSITIVE_INFINITY,
): number | null => {
  const { bytes, baseOffset } = frame
  const { count, lastOffsetDelta } = announced
  const { messages, offsets } = into
  const reader = new ByteReader(bytes, 0)
  const enough = messages.length + most
  let before = -1
  for (let index = 0; index < count; index++) {
    const length = reader.varint()
    const start = reader.at
    const end = start + length
    if (length <= 0 || end > bytes.length) throw malformed(`a record of ${length} bytes`, start)
    reader.at = start + 1 // behind the attributes
    reader.skipVarint() // timestamp delta
    const offsetDelta = reader.varint()
    if (offsetDelta <= before || offsetDelta > lastOffsetDelta) {
      throw malformed(`offset ${baseOffset + offsetDelta}, which cannot stand`, start)
    }
    before = offsetDelta
    passField(reader, end, 'key')
    passField(reader, end, 'value')
    // Most records have no headers: one zero byte.
    if (bytes[reader.at] === 0) reader.at++
    else checkHeaders(reader, end)
    if (reader.at !== end) throw malformed(`a record of ${length} bytes does not end where it should`, start)
    const offset = baseOffset + offsetDelta
    if (offset < from) continue
    messages.push(new LazyMessage(frame, start, offsetDelta))
    offsets.push(offset)
    if (messages.length >= enough) return offset
  }
  if (reader.at !== bytes.length) throw malformed('more than the records that are announced', reader.at)
  return null
}
