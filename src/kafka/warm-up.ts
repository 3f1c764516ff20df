import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32c } from './crc32c.js'
import { fetch } from './fetch-request.js'
import type { Link } from './link.js'
import { kafkajs } from './verify-kafkajs.js'

/** What a thread asks on its way to the first message. */
const ASKS = {
  ApiVersions: undefined,
  Metadata: { topics: ['warm'], allowAutoTopicCreation: false },
  ListOffsets: { isolationLevel: 1, topics: [{ topic: 'warm', partitions: [{ partition: 0, timestamp: -1 }] }] },
} as const

const RECORDS = 250
const ROUNDS = 20

/** A record batch of format 2 with small records, as a broker would send it. */
const recordBatch = (): Buffer => {
  const record = Buffer.concat([Buffer.from([0, 0, 0, 1, 0xc8, 0x01]), Buffer.alloc(100), Buffer.from([0])])
  const body = Buffer.concat(Array.from({ length: RECORDS }, () => Buffer.concat([Buffer.from([0xd6, 0x01]), record])))
  const header = Buffer.alloc(61)
  header.writeInt32BE(49 + body.length, 8)
  header.writeInt8(2, 16)
  header.writeInt32BE(RECORDS - 1, 23)
  header.writeInt32BE(RECORDS, 57)
  const batch = Buffer.concat([header, body])
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

/** An answer to a Fetch v11 with one partition. */
const fetchAnswer = (records: Buffer): Buffer => {
  const bytes = Buffer.alloc(80)
  let at = 10 // throttle time, error code, session id
  const int32 = (value: number) => {
    at = bytes.writeInt32BE(value, at)
  }
  int32(1)
  at = bytes.writeInt16BE(4, at)
  at += bytes.write('warm', at)
  int32(1)
  at += 4 + 2 + 8 + 8 + 8 // partition, error code, high watermark, last stable offset, log start offset
  int32(-1) // aborted transactions
  int32(-1) // preferred read replica
  int32(records.length)
  return Buffer.concat([bytes.subarray(0, at), records])
}

/**
 * Does once, for nobody, what a connection does on its way to the first message. kafkajs loads each version of a request
 * when it is first used, Node much of `net`, and V8 compiles what is run often; a spare thread has time for all that, a
 * replacement has not.
 *
 * @param signal aborted when there is no more time
 * @returns how many records were read in the last round
 */
export const warmUp = async (signal: AbortSignal): Promise<number> => {
  const { requests } = kafkajs()
  for (const [name, ask] of Object.entries(ASKS)) {
    const module = requests[name as keyof typeof ASKS]
    const version = Math.max(...module.versions.map(Number))
    const protocol = module.protocol({ version }) as (ask: unknown) => { request: { encode(): Promise<unknown> } }
    await protocol(ask).request.encode()
  }
  new Socket().destroy()
  const answer = fetchAnswer(recordBatch())
  const link: Pick<Link, 'ranges' | 'send'> = {
    ranges: { [kafkajs().apiKeys.Fetch]: { minVersion: 4, maxVersion: 11 } },
    send: async ({ request, response }) => {
      await request.encode()
      return response.decode(answer)
    },
  }
  const partitions = [{ topic: 'warm', partition: 0, offset: 0, maxBytes: 1 }]
  const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 1, readUncommitted: false, rackId: null, partitions }
  let read = 0
  for (let round = 0; round < ROUNDS; round++) {
    await nextTurn()
    if (signal.aborted) break
    const [fetched] = await fetch(link as Link, request, round, new Map())
    read = fetched?.batch?.messages.filter(({ offset, value }) => offset !== '' && value !== null).length ?? 0
  }
  return read
}
