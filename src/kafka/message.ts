/**
 * A message as a handler gets it. The fields are KafkaJS's, plus `topic` and `partition`.
 *
 * They are decoded when they are read, and are no properties of the object itself: `{ ...message }`, a rest pattern and
 * `Object.assign` copy none of them, and `structuredClone` and `postMessage` refuse a message. **Use `toJSON()` for a
 * plain copy.** (That the fields are accessors of a class, and not properties of an interface, makes the compiler know
 * it of spread and rest; what they made throws when it is written as JSON.) Each read of `key`, `value` or `headers`
 * makes a new object. Assigning works, for this object and this attempt: a retry sees the message as it was fetched.
 *
 * Buffers stay valid for as long as you hold them (they keep the fetched bytes around them alive: copy what you keep
 * for long). They share that memory, so they cannot be transferred to another thread: transfer a copy.
 */
export declare abstract class Message {
  get topic(): string
  set topic(topic: string)
  get partition(): number
  set partition(partition: number)
  get offset(): string
  set offset(offset: string)
  /** Milliseconds since the epoch, as a string. */
  get timestamp(): string
  set timestamp(timestamp: string)
  get attributes(): number
  set attributes(attributes: number)
  get key(): Buffer | null
  set key(key: Buffer | null)
  get value(): Buffer | null
  set value(value: Buffer | null)
  /** A name that came more than once has an array of its values, in order. The object has no prototype. */
  get headers(): MessageHeaders
  set headers(headers: MessageHeaders)
  toJSON(): PlainMessage
}

export type MessageHeaders = Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>

/** The fields of a {@link Message} as properties of an object. */
export type PlainMessage = { [Field in Exclude<keyof Message, 'toJSON'>]: Message[Field] }
