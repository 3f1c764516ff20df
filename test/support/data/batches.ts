import type { MessageBatch } from '#src/kafka/fetch.js'
import type { Message } from '#src/kafka/message.js'
import { OldMessage } from '#src/kafka/records/message-set.js'

const VALUE_AT = 34

/** A message of format 1 (see message-set.ts) as a thread decodes it; nobody looks at its checksum any more. */
export const message = (topic: string, partition: number, offset: number): Message => {
  const value = `value ${offset}`
  const bytes = Buffer.alloc(VALUE_AT + value.length)
  bytes.writeInt8(1, 16)
  bytes.writeBigInt64BE(1_700_000_000_000n, 18)
  bytes.writeInt32BE(-1, 26)
  bytes.writeInt32BE(value.length, 30)
  bytes.write(value, VALUE_AT)
  return new OldMessage({ topic, partition, bytes, appendTimestamp: null }, 0, offset)
}

/** A batch with these offsets; `nextOffset` lies behind the last one unless records at its end are not shown. */
export const batch = (
  topic: string,
  partition: number,
  offsets: readonly number[],
  nextOffset = (offsets.at(-1) ?? 0) + 1,
  bytes = offsets.length * 100,
  receivedBytes = bytes,
): MessageBatch => ({
  messages: offsets.map((offset) => message(topic, partition, offset)),
  offsets,
  nextOffset,
  bytes,
  receivedBytes,
  largestBytes: receivedBytes,
})

/** `range(3, 6)` is 3, 4, 5. */
export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n)
