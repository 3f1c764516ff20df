const TLS_ALERT = 0x15
const TLS_MAJOR = 0x03
const HTTP = 'HTTP'

/** The first answer on a connection is that to ApiVersions: a few hundred bytes. */
const MAX_FIRST_ANSWER_BYTES = 1024 * 1024

const readable = (bytes: Buffer): string => JSON.stringify(bytes.subarray(0, 40).toString('latin1'))

/**
 * Says who answers when it is not a Kafka broker, from the first bytes that come back.
 *
 * @returns null when they may well be the answer of a broker
 */
export const strangerBehind = (bytes: Buffer): string | null => {
  if (bytes[0] === TLS_ALERT && bytes[1] === TLS_MAJOR) {
    return 'the listener speaks TLS, and option ssl is not set'
  }
  if (bytes.toString('latin1', 0, HTTP.length) === HTTP) return 'an HTTP server answers there, not a Kafka broker'
  if (bytes.length < 4) return null
  const length = bytes.readInt32BE(0)
  if (length >= 4 && length <= MAX_FIRST_ANSWER_BYTES) return null
  return `what answers there is not a Kafka broker; it says ${readable(bytes)}`
}
