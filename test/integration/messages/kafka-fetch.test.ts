import { CompressionTypes } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { KafkaConfig } from '#src/config/resolved.js'
import type { Client } from '#src/kafka/client.js'
import type { FetchedPartition, FetchRequest } from '#src/kafka/fetch.js'
import type { Message } from '#src/kafka/message.js'
import {
  adminClient,
  brokers,
  createTopic,
  kafkaClient,
  produce,
  producerClient,
  uniqueName,
} from '../../support/cluster/index.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { SNAPPY_MODULE, writeSnappy } from '../../support/cluster/snappy.js'

const connect = (more: Partial<KafkaConfig> = {}): Promise<Client> => rawClient(brokers(), more)

type Wanted = FetchRequest['partitions'][number]

/** Fetches once from the leader of the partitions, which one node must lead. */
const fetchOnce = async (
  client: Client,
  partitions: readonly Wanted[],
  more: Partial<FetchRequest> = {},
): Promise<readonly FetchedPartition[]> => {
  const [metadata] = await client.topics([partitions[0]?.topic ?? ''])
  const leader = metadata?.partitions.find(({ partition }) => partition === partitions[0]?.partition)?.leader ?? -1
  const request = {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 10 << 20,
    maxDecompressedBytes: 1 << 26,
    readUncommitted: false,
    rackId: null,
    partitions,
  }
  return client.fetch(leader, { ...request, ...more })
}

const from = (topic: string, offset = 0, partition = 0, maxBytes = 1 << 20): Wanted => ({
  topic,
  partition,
  offset,
  maxBytes,
})

/** Fetches one partition until the offset `end` is reached. */
const fetchAll = async (client: Client, topic: string, end: number, more: Partial<FetchRequest> = {}) => {
  const messages: Message[] = []
  let offset = 0
  await until(
    async () => {
      const [fetched] = await fetchOnce(client, [from(topic, offset)], more)
      expect(fetched).toMatchObject({ error: null, undecodable: null })
      messages.push(...(fetched?.batch?.messages ?? []))
      offset = fetched?.batch?.nextOffset ?? offset
      return offset >= end
    },
    { what: `offset ${end} of ${topic}` },
  )
  return { messages, offset }
}

const text = (buffer: Buffer | null | undefined): string | undefined => buffer?.toString()

it('messages come as they were produced, plain and gzipped', async () => {
  const client = await connect()
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [
    { key: 'k', value: 'v', headers: { once: '1', twice: ['2', '3'] }, timestamp: '1700000000123' },
    { key: null, value: null },
    { key: '', value: '' },
  ])
  const producer = await producerClient()
  const many = Array.from({ length: 500 }, (_, index) => ({ value: `zip ${index}` }))
  await producer.send({ topic, compression: CompressionTypes.GZIP, messages: many })
  const { messages } = await fetchAll(client, topic, 503)
  expect(messages).toHaveLength(503)
  const [full, nulls, empties] = messages
  expect(full?.toJSON()).toEqual({
    topic,
    partition: 0,
    offset: '0',
    timestamp: '1700000000123',
    attributes: 0,
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: { once: Buffer.from('1'), twice: [Buffer.from('2'), Buffer.from('3')] },
  })
  expect([nulls?.key, nulls?.value, empties?.key, empties?.value]).toEqual([
    null,
    null,
    Buffer.alloc(0),
    Buffer.alloc(0),
  ])
  expect(messages.slice(3).map(({ value }) => text(value))).toEqual(many.map(({ value }) => value))
  const [rest] = await fetchOnce(client, [from(topic, 250)])
  expect(rest).toMatchObject({ end: 503, preferredReadReplica: -1 })
  expect(rest?.batch?.offsets[0]).toBe(250)
})

it('an aborted transaction is hidden from committed reads only', async () => {
  const client = await connect()
  const topic = await createTopic({ partitions: 1 })
  const producer = kafkaClient().producer({
    transactionalId: uniqueName('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  onTestFinished(() => producer.disconnect())
  const send = async (value: string, end: 'commit' | 'abort') => {
    const transaction = await producer.transaction()
    for (const part of [1, 2]) await transaction.send({ topic, messages: [{ value: `${value}${part}` }] })
    await transaction[end]()
  }
  await send('a', 'commit')
  await send('b', 'abort')
  await send('c', 'commit')
  await produce(topic, [{ value: 'plain' }])
  // Each transaction is two messages and a marker.
  const committed = await fetchAll(client, topic, 10)
  expect(committed.messages.map(({ value }) => text(value))).toEqual(['a1', 'a2', 'c1', 'c2', 'plain'])
  expect(committed.messages.slice(0, 4).map(({ offset }) => offset)).toEqual(['0', '1', '6', '7'])
  expect(committed.offset).toBe(10)
  const all = await fetchAll(client, topic, 10, { readUncommitted: true })
  expect(all.messages.map(({ value }) => text(value))).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'plain'])
  // Only the marker of the last transaction is left: nothing to show, but the position moves.
  const [marker] = await fetchOnce(client, [from(topic, 5)])
  expect(marker?.batch?.offsets[0]).toBe(6)
})

it('a batch in a codec that is not there stops its own partition only, and a codec by module path reads it', async () => {
  const topic = await createTopic({ partitions: 2 })
  writeSnappy()
  await produce(
    topic,
    [0, 1].map((partition) => ({ partition, value: 'plain' })),
  )
  const producer = await producerClient()
  await producer.send({
    topic,
    compression: CompressionTypes.Snappy,
    messages: [
      { partition: 1, value: 'snappy 1' },
      { partition: 1, value: 'snappy 2' },
    ],
  })
  const client = await connect()
  const [first] = await fetchOnce(client, [from(topic, 0, 1)])
  expect(first?.batch?.messages.map(({ value }) => text(value))).toEqual(['plain'])
  const fetched = await fetchOnce(client, [from(topic, 0, 0), from(topic, 1, 1)])
  const [good, bad] = [0, 1].map((partition) => fetched.find((item) => item.partition === partition))
  expect(good?.batch?.messages).toHaveLength(1)
  const missing = { code: 'KCP_CODEC_MISSING', topic, partition: 1, offset: '1' }
  expect(bad).toMatchObject({ error: null, batch: null, undecodable: missing })
  expect(bad?.undecodable?.message).toContain("codecs: { snappy: 'kafkajs-snappy' }")
  const reading = await connect({ codecs: { snappy: SNAPPY_MODULE } })
  const [read] = await fetchOnce(reading, [from(topic, 1, 1)])
  expect(read?.batch?.messages.map(({ value }) => text(value))).toEqual(['snappy 1', 'snappy 2'])
})

it('a batch larger than the limits is fetched all the same, if its partition stands first', async () => {
  const client = await connect()
  const topic = await createTopic({ partitions: 4 })
  const value = Buffer.alloc(50_000, 1)
  for (let round = 0; round < 3; round++) {
    await produce(
      topic,
      [0, 1, 2, 3].map((partition) => ({ partition, value })),
    )
  }
  const next = [0, 0, 0, 0]
  let turn = 0
  await until(
    async () => {
      const wanted = next.map((offset, partition) => from(topic, offset, partition, 1_000))
      wanted.push(...wanted.splice(0, turn++ % 4))
      for (const { partition, batch, error } of await fetchOnce(client, wanted, { maxBytes: 1_000 })) {
        expect(error).toBeNull()
        if (batch !== null) next[partition] = batch.nextOffset
      }
      // None gets far ahead of the others.
      expect(Math.max(...next) - Math.min(...next)).toBeLessThanOrEqual(1)
      return next.every((offset) => offset === 3)
    },
    { what: 'all partitions to be read' },
  )
})

it('start and end offsets are asked of the leaders', async () => {
  const client = await connect()
  const topic = await createTopic({ partitions: 3 })
  await produce(
    topic,
    Array.from({ length: 10 }, () => ({ partition: 1, value: 'x' })),
  )
  const admin = await adminClient()
  // KafkaJS deletes only in topics that it has heard of; and a new topic's leaders are named before they lead.
  await until(() => admin.fetchTopicOffsets(topic).catch(() => undefined), { what: 'the leaders to lead' })
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '4' }] })
  const partitions = [2, 1, 0].map((partition) => ({ topic, partition }))
  const offsets = async (at: 'earliest' | 'latest') =>
    (await client.listOffsets(partitions, at, { readUncommitted: false })).map(({ partition, offset }) => [
      partition,
      offset,
    ])
  expect(await offsets('earliest')).toEqual([
    [2, 0n],
    [1, 4n],
    [0, 0n],
  ])
  expect(await offsets('latest')).toEqual([
    [2, 0n],
    [1, 10n],
    [0, 0n],
  ])
  const none = { topic, partition: 99 }
  await expect(client.listOffsets([none], 'latest', { readUncommitted: false })).rejects.toMatchObject({ code: 3 })
  const [below] = await fetchOnce(client, [from(topic, 0, 1)])
  expect(below).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE', batch: null })
})

it('a partition that is not led there, and one that does not exist, say so', async () => {
  const client = await connect()
  const topic = await createTopic({ partitions: 1 })
  const [unknown, known] = (
    await fetchOnce(client, [from(topic), from(uniqueName('none'))], { maxWaitMs: 10 })
  ).toSorted((a, b) => String(b.error).localeCompare(String(a.error)))
  expect(unknown?.error).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  expect(known?.error).toBeNull()
})

it('nothing is left of a connection that was closed while it waited', async () => {
  const topic = await createTopic({ partitions: 1 })
  const count = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length
  const before = { sockets: count('TCPSocketWrap'), timers: count('Timeout') }
  const client = await connect()
  const waiting = fetchOnce(client, [from(topic)], { maxWaitMs: 20_000 })
  const group = client.findCoordinator(uniqueName('group')).catch(() => {})
  await until(() => count('TCPSocketWrap') >= before.sockets + 2, { what: 'both connections' })
  const started = performance.now()
  client.close()
  await expect(waiting).rejects.toMatchObject({ type: 'CLOSED' })
  await group
  expect(performance.now() - started).toBeLessThan(100)
  await until(() => count('TCPSocketWrap') <= before.sockets && count('Timeout') <= before.timers + 1, {
    what: 'every socket and timer to be gone',
  })
})
