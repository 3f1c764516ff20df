import { inspect } from 'node:util'
import type { Message, PlainMessage } from '../message.js'

/** The fields as a handler sees them, in an object of its own. */
export const toPlain = (message: PlainMessage): PlainMessage => ({
  topic: message.topic,
  partition: message.partition,
  offset: message.offset,
  timestamp: message.timestamp,
  attributes: message.attributes,
  key: message.key,
  value: message.value,
  headers: message.headers,
})

/**
 * The `toJSON` of every message, and the one property that each has of its own: it is all that spreading,
 * `Object.assign` and a rest pattern copy. So what they make cannot be written as JSON without a word, and
 * `structuredClone` and `postMessage`, which take no functions, refuse a message and name this one. (The fields as properties would cost
 * more than all the rest that is done for a message; this costs a word of memory.)
 */
export function copyWithToJSON(this: Message): PlainMessage {
  if (inspect.custom in this) return toPlain(this)
  throw new TypeError(
    'this is no message but what spreading, a rest pattern or Object.assign made of one, and they copy none of its fields. Copy message.toJSON() instead: { ...message.toJSON() }',
  )
}
