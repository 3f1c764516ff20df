import { ByteReader } from './byte-reader.js'
import type { Message } from './face.js'
import { LazyMessage, type RecordFrame } from './lazy-message.js'

/** The messages of a partition as they are collected, batch after batch. */
export interface Collected {
  readonly messages: Message[]
  readonly offsets: number[]
}

const malformed = (what: string, at: number): RangeError => new RangeError(`${what} at byte ${at} of the records`)

/** Where the field behind a length ends; a negative length stands for null and takes no bytes. */
const passField = (reader: ByteReader, end: number, what: string): void => {
  const length = reader.varint()
  if (length > 0) reader.at += length
  // Written so that NaN, which an over-long varint yields, fails too.
  if (!(reader.at <= end)) throw malformed(`a ${what} of ${length} bytes runs over the end of its record`, reader.at)
}

const checkHeaders = (reader: ByteReader, end: number): void => {
  for (let left = reader.varint(); left > 0; left--) {
    passField(reader, end, 'header name')
    passField(reader, end, 'header value')
  }
}

/**
 * Makes a message of every record of a batch from offset `from` on. Every length in the records is checked here, so
 * that a message, which decodes itself when it is read, cannot fail in a handler.
 *
 * @param count how many records the batch's header announces
 * @throws RangeError when the records are malformed; some messages may have been collected then
 */
export const readRecords = (frame: RecordFrame, count: number, from: number, into: Collected): void => {
  const { bytes, baseOffset } = frame
  const { messages, offsets } = into
  const reader = new ByteReader(bytes, 0)
  for (let index = 0; index < count; index++) {
    const length = reader.varint()
    const start = reader.at
    const end = start + length
    if (!(length > 0 && end <= bytes.length)) throw malformed(`a record of ${length} bytes`, start)
    reader.at = start + 1 // behind the attributes
    reader.skipVarint() // timestamp delta
    const offsetDelta = reader.varint()
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
  }
}
