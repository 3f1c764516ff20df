import type { Message } from '../message.js'
import type { RawMessage } from '../raw-message.js'
import { LazyMessage } from './lazy-message.js'
import { OldMessage } from './message-set.js'

const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

const ownOrNull = (bytes: Uint8Array | null): Uint8Array<ArrayBuffer> | null => (bytes === null ? null : own(bytes))

/**
 * A message that was fetched, as it was fetched, in memory of its own: whatever a handler has assigned to it does not
 * count. (What it has written *into* the Buffers that it was given does: they are the fetched bytes.)
 */
export const rawMessage = (message: Message): RawMessage => {
  const { key, value, headers, timestamp } = partsOf(message)
  return {
    key: ownOrNull(key),
    value: ownOrNull(value),
    headers: headers.map(([name, content]) => [own(name), ownOrNull(content)] as const),
    timestamp: BigInt(timestamp),
  }
}

const partsOf = (message: Message) => {
  if (LazyMessage.is(message)) return LazyMessage.partsOf(message)
  if (OldMessage.is(message)) return OldMessage.partsOf(message)
  throw new TypeError('this is no message that was fetched')
}
