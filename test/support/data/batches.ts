import type { MessageBatch } from '#src/kafka/fetch.js'
import type { Message } from '#src/kafka/message.js'

export const message = (topic: string, partition: number, offset: number): Message => {
  const plain = {
    topic,
    partition,
    offset: String(offset),
    timestamp: '1700000000000',
    attributes: 0,
    key: null,
    value: Buffer.from(`value ${offset}`),
    headers: {},
  }
  return { ...plain, toJSON: () => plain }
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
