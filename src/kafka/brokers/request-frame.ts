/** What stands in front of every request (request header version 1). */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string
}

const LENGTH_BYTES = 4
const FIXED_BYTES = 10

/** A request as it is sent: its length, its header, and the body behind it. */
export const requestFrame = (header: RequestHeader, body: Buffer): Buffer => {
  const { apiKey, apiVersion, correlationId, clientId } = header
  const clientIdBytes = Buffer.byteLength(clientId)
  const start = LENGTH_BYTES + FIXED_BYTES + clientIdBytes
  const frame = Buffer.allocUnsafe(start + body.length)
  frame.writeInt32BE(frame.length - LENGTH_BYTES, 0)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt16BE(apiVersion, 6)
  frame.writeInt32BE(correlationId, 8)
  frame.writeInt16BE(clientIdBytes, 12)
  frame.write(clientId, LENGTH_BYTES + FIXED_BYTES)
  body.copy(frame, start)
  return frame
}
