import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { abortedIn } from '#src/kafka/records/aborted-transactions.js'
import { AnswerReader } from '#src/kafka/requests/answer-reader.js'
import { readFetchAnswer } from '#src/kafka/requests/fetch-response.js'
import { encodeBatch, kafkajsFile, plainRecords } from '../../../support/kafka/record-encoder.js'

const Encoder = kafkajsFile('protocol/encoder')

const offset = fc.integer({ min: -1, max: 2 ** 50 })
const partition = fc.record({
  partition: fc.nat(100),
  errorCode: fc.constantFrom(0, 1, 6, 110),
  highWatermark: offset,
  lastStableOffset: offset,
  logStartOffset: offset,
  aborted: fc.option(fc.array(fc.record({ producerId: fc.nat(), firstOffset: fc.nat() }), { maxLength: 3 })),
  preferredReadReplica: fc.integer({ min: -1, max: 5 }),
  records: fc
    .nat(3)
    .map((count) => (count === 0 ? null : encodeBatch({ baseOffset: 0, records: plainRecords(0, count) }))),
})
const answer = fc.record({
  throttleMs: fc.nat(1000),
  topics: fc.array(
    fc.record({ topic: fc.constantFrom('a', 'bé'), partitions: fc.array(partition, { maxLength: 3 }) }),
    {
      maxLength: 3,
    },
  ),
})

type Drawn = typeof answer extends fc.Arbitrary<infer T> ? T : never

const encode = ({ throttleMs, topics }: Drawn, version: number): Buffer => {
  const encoder = new Encoder().writeInt32(throttleMs)
  if (version >= 7) encoder.writeInt16(0).writeInt32(0)
  encoder.writeArray(
    topics.map(({ topic, partitions }) =>
      new Encoder().writeString(topic).writeArray(
        partitions.map((item) => {
          const body = new Encoder()
            .writeInt32(item.partition)
            .writeInt16(item.errorCode)
            .writeInt64(item.highWatermark)
            .writeInt64(item.lastStableOffset)
          if (version >= 5) body.writeInt64(item.logStartOffset)
          if (item.aborted === null) body.writeInt32(-1)
          else {
            body.writeArray(item.aborted.map((a) => new Encoder().writeInt64(a.producerId).writeInt64(a.firstOffset)))
          }
          if (version >= 11) body.writeInt32(item.preferredReadReplica)
          return body.writeBytes(item.records)
        }),
      ),
    ),
  )
  return encoder.buffer
}

describe('the answer to a Fetch', () => {
  it.each([4, 5, 6, 7, 8, 9, 10, 11])('of version %i is read as kafkajs reads it', async (version) => {
    const theirs = kafkajsFile(`protocol/requests/fetch/v${version}/response`)
    await fc.assert(
      fc.asyncProperty(answer, async (drawn) => {
        const raw = encode(drawn, version)
        const expected = await theirs.decode(raw)
        const { partitions, clientSideThrottleTime } = readFetchAnswer(new AnswerReader(raw), version, 9)
        expect(clientSideThrottleTime).toBe(expected.clientSideThrottleTime ?? 0)
        const flat = expected.responses.flatMap((topic: { topicName: string; partitions: object[] }) =>
          topic.partitions.map((item) => ({ ...item, topic: topic.topicName })),
        )
        expect(partitions).toHaveLength(flat.length)
        partitions.forEach((ours, index) => {
          const item = flat[index]
          expect(ours).toMatchObject({ topic: item.topic, partition: item.partition, errorCode: item.errorCode })
          expect(String(ours.highWatermark)).toBe(item.highWatermark)
          expect(String(ours.lastStableOffset)).toBe(item.lastStableOffset)
          expect(ours.preferredReadReplica).toBe(item.preferredReadReplica ?? -1)
          expect(abortedIn(ours.aborted).map((a) => `${a.producerId} ${a.firstOffset}`)).toEqual(
            item.abortedTransactions.map((a: Record<string, string>) => `${a.producerId} ${a.firstOffset}`),
          )
          expect(ours.records.length > 0 ? ours.records.readInt32BE(57) : 0).toBe(item.messages.length)
        })
      }),
    )
  })

  const empty = {
    partition: 0,
    errorCode: 0,
    highWatermark: 0,
    lastStableOffset: 0,
    logStartOffset: 0,
    aborted: null,
    preferredReadReplica: -1,
    records: null,
  } as const

  it.each([
    ['topics', Array.from({ length: 3 }, () => ({ topic: 'a' as const, partitions: [] }))],
    ['partitions of one topic', [{ topic: 'a' as const, partitions: [empty, empty, empty] }]],
    ['partitions of several', Array.from({ length: 2 }, () => ({ topic: 'a' as const, partitions: [empty, empty] }))],
  ])('that has more %s than were asked for is refused, for each would be an object', (_, topics) => {
    expect(() => readFetchAnswer(new AnswerReader(encode({ throttleMs: 0, topics }, 11)), 11, 2)).toThrow(RangeError)
  })

  it.each([
    2 ** 31 - 1,
    2 ** 25,
    2,
  ])('that announces %i aborted transactions which are not there is refused', (count) => {
    const head = new Encoder().writeInt32(0).writeInt16(0).writeInt32(0).writeInt32(1).writeString('a').writeInt32(1)
    const body = head.writeInt32(0).writeInt16(0).writeInt64(0).writeInt64(0).writeInt64(0).writeInt32(count)
    const raw = Buffer.concat([body.buffer, Buffer.alloc(24)])
    expect(() => readFetchAnswer(new AnswerReader(raw), 11, 1)).toThrow(RangeError)
  })

  it('that ends too early is refused', () => {
    const records = encodeBatch({ baseOffset: 0, records: plainRecords(0, 1) })
    const whole = {
      partition: 0,
      errorCode: 0,
      highWatermark: 1,
      lastStableOffset: 1,
      logStartOffset: 0,
      aborted: null,
      preferredReadReplica: -1,
      records,
    } as const
    const raw = encode({ throttleMs: 0, topics: [{ topic: 'a', partitions: [whole] }] }, 11)
    for (let cut = 0; cut < raw.length; cut++)
      expect(() => readFetchAnswer(new AnswerReader(raw.subarray(0, cut)), 11, 1)).toThrow(RangeError)
  })
})
