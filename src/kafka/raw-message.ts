/** Name and value of a header, as bytes. */
export type RawHeader = readonly [name: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer> | null]

/**
 * A message as bytes that are its own: what a record has, in its order, with nothing parsed. (As the object of KafkaJS
 * headers lose their order and names that are no text; its producer cannot write a header value that is null.)
 */
export interface RawMessage {
  readonly key: Uint8Array<ArrayBuffer> | null
  readonly value: Uint8Array<ArrayBuffer> | null
  readonly headers: readonly RawHeader[]
  /** Milliseconds since the epoch; -1n when it has none (format 0). */
  readonly timestamp: bigint
}

/** The memory of a message, each part by itself, to be transferred to another thread. */
export const memoryOf = ({ key, value, headers }: RawMessage): ArrayBuffer[] =>
  [key, value, ...headers.flat()].flatMap((part) => part?.buffer ?? [])
