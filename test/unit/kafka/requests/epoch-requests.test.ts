import { describe, expect, it } from 'vitest'
import {
  Api,
  apiVersions,
  clientOf,
  encoder,
  MODERN,
  type StubRequest,
  startStub,
} from '../../../support/kafka/stub-broker.js'

const LIST_OFFSETS = 2
const OFFSET_FETCH = 9
const EPOCH_ENDS = 23
const member = { groupId: 'g', generation: 3, memberId: 'm', instanceId: null }

const topicOf = (...partitions: object[]) => [encoder().writeString('t').writeArray(partitions)]

/** Metadata of version 7: topic `t` with one partition that node 1 leads in its fifth epoch. */
const metadataV7 = (port: number) => {
  const partition = encoder().writeInt16(0).writeInt32(0).writeInt32(1).writeInt32(5)
  for (const replicas of [[1, 2], [1], [2]]) partition.writeArray(replicas)
  return encoder()
    .writeInt32(0)
    .writeArray([encoder().writeInt32(1).writeString('127.0.0.1').writeInt32(port).writeString('rack-1')])
    .writeString('cluster')
    .writeInt32(1)
    .writeArray([encoder().writeInt16(0).writeString('t').writeBoolean(false).writeArray([partition])])
}

const connected = async (
  answer: (request: StubRequest) => { buffer: Buffer } | undefined,
  offered: Readonly<Record<number, number>> = { ...MODERN, [EPOCH_ENDS]: 4 },
) => {
  const stub = await startStub((request) =>
    request.apiKey === Api.apiVersions ? apiVersions(offered) : answer(request),
  )
  const client = clientOf([stub.address])
  await client.connect()
  const last = (apiKey: number) => stub.requests.findLast((request) => request.apiKey === apiKey)
  return { stub, client, last }
}

describe('leader epochs', () => {
  it('come with the metadata of brokers that tell them reliably', async () => {
    const { client, last, stub } = await connected(({ apiKey, body, socket }) =>
      apiKey === Api.metadata && body.readInt32BE(0) > 0 ? metadataV7(socket.localPort ?? 0) : undefined,
    )
    expect(await client.topics(['t'])).toEqual([
      { topic: 't', error: null, partitions: [{ partition: 0, leader: 1, leaderEpoch: 5, racks: ['rack-1'] }] },
    ])
    expect(last(Api.metadata)?.version).toBe(7)
    expect(client.view([]).brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: stub.port }])
  })

  it('are not asked for where they are not reliable (before Metadata version 9, KAFKA-9212)', async () => {
    const { last } = await connected(() => undefined, { ...MODERN, [Api.metadata]: 8 })
    expect(last(Api.metadata)?.version).toBe(6)
  })

  it('are compared by the leader', async () => {
    const end = encoder().writeInt16(0).writeInt32(0).writeInt32(4).writeInt64(60)
    const refused = encoder().writeInt16(74).writeInt32(1).writeInt32(-1).writeInt64(-1)
    const { client, last } = await connected(({ apiKey }) =>
      apiKey === EPOCH_ENDS ? encoder().writeInt32(0).writeArray(topicOf(end, refused)) : undefined,
    )
    const question = { topic: 't', currentLeaderEpoch: 5, leaderEpoch: 4 }
    expect(
      await client.endsOfEpochs(1, [
        { ...question, partition: 0 },
        { ...question, partition: 1 },
      ]),
    ).toEqual([
      { topic: 't', partition: 0, error: null, leaderEpoch: 4, endOffset: 60 },
      { topic: 't', partition: 1, error: 'FENCED_LEADER_EPOCH', leaderEpoch: -1, endOffset: -1 },
    ])
    const asked = [0, 1].map((partition) => encoder().writeInt32(partition).writeInt32(5).writeInt32(4))
    expect(last(EPOCH_ENDS)?.version).toBe(3)
    expect(last(EPOCH_ENDS)?.body).toEqual(
      encoder()
        .writeInt32(-1)
        .writeArray(topicOf(...asked)).buffer,
    )
  })

  it.each([{}, { [EPOCH_ENDS]: 2 }])('are not compared by a broker that offers %j', async (offered) => {
    const { client, last } = await connected(() => undefined, { ...MODERN, ...offered })
    expect(await client.endsOfEpochs(1, [])).toBeNull()
    expect(last(EPOCH_ENDS)).toBeUndefined()
  })

  it('are committed beside the offsets, and come back with them', async () => {
    const stored = encoder().writeInt32(0).writeInt64(50).writeInt32(4).writeString('').writeInt16(0)
    const nothing = encoder().writeInt32(1).writeInt64(-1).writeInt32(-1).writeString(null).writeInt16(0)
    const { client, last } = await connected(({ apiKey }) => {
      if (apiKey === Api.offsetCommit) {
        return encoder()
          .writeInt32(0)
          .writeArray(topicOf(encoder().writeInt32(0).writeInt16(0)))
      }
      if (apiKey !== OFFSET_FETCH) return undefined
      return encoder().writeInt32(0).writeArray(topicOf(stored, nothing)).writeInt16(0)
    })
    await client.commitOffsets(1, member, [{ topic: 't', partition: 0, offset: 50n, leaderEpoch: 4 }])
    const written = encoder().writeInt32(0).writeInt64(50).writeInt32(4).writeString('')
    const body = encoder().writeString('g').writeInt32(3).writeString('m').writeString(null)
    expect(last(Api.offsetCommit)?.body).toEqual(body.writeArray(topicOf(written)).buffer)

    const partitions = [0, 1].map((partition) => ({ topic: 't', partition }))
    expect(await client.committedOffsets(1, 'g', partitions)).toEqual([
      { topic: 't', partition: 0, offset: 50n, leaderEpoch: 4 },
      { topic: 't', partition: 1, offset: -1n, leaderEpoch: -1 },
    ])
    expect(last(OFFSET_FETCH)?.version).toBe(5)
  })

  it('stand in the Fetch', async () => {
    const { client, last } = await connected(() => undefined)
    const wanted = { topic: 't', partition: 0, offset: 9, maxBytes: 1_000, currentLeaderEpoch: 5 }
    const request = {
      maxWaitMs: 1,
      minBytes: 1,
      maxBytes: 1_000,
      readUncommitted: true,
      rackId: null,
      maxDecompressedBytes: 1_000,
    }
    void client.fetch(1, { ...request, partitions: [wanted] }).catch(() => {})
    await expect.poll(() => last(Api.fetch)).toBeDefined()
    const partition = encoder().writeInt32(0).writeInt32(5).writeInt64(9)
    expect(last(Api.fetch)?.body.includes(partition.buffer)).toBe(true)
  })
})

describe('an answer that says nothing of a partition', () => {
  const partition = { topic: 't', partition: 0 }

  it('is no answer that nothing is committed', async () => {
    const { client } = await connected(({ apiKey }) =>
      apiKey === OFFSET_FETCH ? encoder().writeInt32(0).writeArray([]).writeInt16(0) : undefined,
    )
    await expect(client.committedOffsets(1, 'g', [partition])).rejects.toMatchObject({
      type: 'CONNECTION',
      message: 'OffsetFetch of group "g": the answer says nothing of t[0]',
    })
  })

  it.each([
    ['says nothing of it', () => [], 'ListOffsets: the answer says nothing of t[0]'],
    [
      'has an offset that cannot be',
      () => topicOf(encoder().writeInt32(0).writeInt16(0).writeInt64(-1).writeInt64(-1)),
      'ListOffsets: the latest offset of t[0] is -1',
    ],
  ])('is no offset to begin at when it %s', async (_, topics, message) => {
    const { client } = await connected(({ apiKey, body, socket }) => {
      if (apiKey === Api.metadata && body.readInt32BE(0) > 0) return metadataV7(socket.localPort ?? 0)
      return apiKey === LIST_OFFSETS ? encoder().writeInt32(0).writeArray(topics()) : undefined
    })
    await expect(client.listOffsets([partition], 'latest', { readUncommitted: false })).rejects.toMatchObject({
      type: 'CONNECTION',
      message,
    })
  })
})
