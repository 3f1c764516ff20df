import { Socket } from 'node:net'
import type { SocketFactory } from './brokers/open-socket.js'
import { kafkajs } from './kafkajs/kafkajs.js'
import type { KafkajsEncoder } from './kafkajs/parts.js'
import { crc32c } from './records/crc32c.js'

/** Messages in each answer to a Fetch. */
const RECORDS = 250
const RECORD_BYTES = 108

/** A record batch of format 2 with small records. */
const recordBatch = (): Buffer => {
  const length = Buffer.from([0xd8, 0x01]) // RECORD_BYTES as a varint
  const record = (offset: number): Buffer => {
    const bytes = Buffer.alloc(RECORD_BYTES)
    // Attributes, time, offset (a varint of two bytes); no key (-1); a value of 100 bytes.
    bytes.set([0, 0, ((offset << 1) & 0x7f) | 0x80, offset >> 6, 1, 0xc8, 0x01])
    return bytes
  }
  const body = Buffer.concat(Array.from({ length: RECORDS }, (_, offset) => [length, record(offset)]).flat())
  const header = Buffer.alloc(61)
  header.writeInt32BE(49 + body.length, 8)
  header.writeInt8(2, 16)
  header.writeInt32BE(RECORDS - 1, 23)
  header.writeInt32BE(RECORDS, 57)
  const batch = Buffer.concat([header, body])
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

const versions = (encoder: KafkajsEncoder): KafkajsEncoder => {
  const { Encoder, apiKeys } = kafkajs()
  const offered = [
    { key: apiKeys.ApiVersions, min: 0, max: 2 },
    { key: apiKeys.Fetch, min: 4, max: 11 },
  ]
  return encoder
    .writeInt16(0)
    .writeArray(offered.map(({ key, min, max }) => new Encoder().writeInt16(key).writeInt16(min).writeInt16(max)))
    .writeInt32(0)
}

const records = (encoder: KafkajsEncoder, topic: string, batch: Buffer): KafkajsEncoder => {
  const { Encoder } = kafkajs()
  const partition = new Encoder().writeInt32(0).writeInt16(0)
  partition.writeInt64(0).writeInt64(0).writeInt64(0) // high watermark, last stable offset, log start offset
  partition.writeInt32(-1).writeInt32(-1).writeBytes(batch) // no aborted transactions, no preferred replica
  return encoder
    .writeInt32(0)
    .writeInt16(0)
    .writeInt32(0)
    .writeArray([new Encoder().writeString(topic).writeArray([partition])])
}

/** The broker's end and the client's in one: what is written is answered, and the answer can be read. */
class StageSocket extends Socket {
  readonly #topic: string
  readonly #batch = recordBatch()
  #left: number
  #offset = 0n
  #unread = Buffer.alloc(0)

  constructor(topic: string, fetches: number) {
    super()
    this.#topic = topic
    this.#left = fetches
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (this.#unread.length >= 4 && this.#unread.length >= 4 + this.#unread.readInt32BE(0)) {
      const end = 4 + this.#unread.readInt32BE(0)
      this.#answer(this.#unread.readInt16BE(4), this.#unread.readInt32BE(8))
      this.#unread = this.#unread.subarray(end)
    }
    done()
  }

  #answer(apiKey: number, correlationId: number): void {
    const { Encoder, apiKeys } = kafkajs()
    const encoder = new Encoder().writeInt32(correlationId)
    if (apiKey === apiKeys.ApiVersions) versions(encoder)
    else if (apiKey === apiKeys.Fetch && this.#left > 0) records(encoder, this.#topic, this.#next())
    else return // like a broker that waits for messages
    const answer = new Encoder().writeBytes(encoder.buffer).buffer
    setImmediate(() => this.push(answer)) // no broker answers before the request was sent
  }

  #next(): Buffer {
    const batch = Buffer.from(this.#batch)
    batch.writeBigInt64BE(this.#offset)
    this.#offset += BigInt(RECORDS)
    this.#left--
    return batch
  }
}

/**
 * A broker in memory that has one topic of one partition and speaks just enough of the protocol for a rehearsal:
 * ApiVersions, and as many Fetches as there are messages for. What comes after that it never answers.
 */
export const stage = (
  topic: string,
  fetches: number,
): { readonly messages: number; readonly openSocket: SocketFactory } => ({
  messages: fetches * RECORDS,
  openSocket: ({ onConnect }) => {
    process.nextTick(onConnect)
    return new StageSocket(topic, fetches)
  },
})
