import { Socket } from 'node:net'
import { fetch } from './fetch-request.js'
import type { Link } from './link.js'
import { kafkajs } from './verify-kafkajs.js'

/** What a thread asks on its way to the first message. */
const ASKS = {
  ApiVersions: undefined,
  Metadata: { topics: ['warm'], allowAutoTopicCreation: false },
  ListOffsets: { isolationLevel: 1, topics: [{ topic: 'warm', partitions: [{ partition: 0, timestamp: -1 }] }] },
} as const

/** An answer to a Fetch v11 with one empty partition. */
const emptyAnswer = (): Buffer => {
  const bytes = Buffer.alloc(73)
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
  int32(0) // records
  return bytes.subarray(0, at)
}

/**
 * Does once, for nobody, what a connection does on its way to the first message. kafkajs loads each version of a request
 * when it is first used, and Node much of `net`; a spare thread has time for that, a replacement has not.
 */
export const warmUp = async (): Promise<void> => {
  const { requests } = kafkajs()
  for (const [name, ask] of Object.entries(ASKS)) {
    const module = requests[name as keyof typeof ASKS]
    const version = Math.max(...module.versions.map(Number))
    const protocol = module.protocol({ version }) as (ask: unknown) => { request: { encode(): Promise<unknown> } }
    await protocol(ask).request.encode()
  }
  new Socket().destroy()
  const link: Pick<Link, 'ranges' | 'send'> = {
    ranges: { [kafkajs().apiKeys.Fetch]: { minVersion: 4, maxVersion: 11 } },
    send: async ({ request, response }) => {
      await request.encode()
      return response.decode(emptyAnswer())
    },
  }
  const partitions = [{ topic: 'warm', partition: 0, offset: 0, maxBytes: 1 }]
  const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 1, readUncommitted: false, rackId: null, partitions }
  await fetch(link as Link, request, 0, new Map())
}
