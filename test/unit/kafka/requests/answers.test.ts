import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerReader } from '#src/kafka/requests/answer-reader.js'
import {
  readCommit,
  readCommitted,
  readConfigs,
  readEnds,
  readGroups,
  readJoin,
  readLeave,
  readListed,
  readMechanisms,
  readMetadata,
  readVersions,
} from '#src/kafka/requests/answers.js'
import { kafkajsFile } from '../../../support/kafka/record-encoder.js'

const Encoder = kafkajsFile('protocol/encoder')

// biome-ignore lint/suspicious/noExplicitAny: kafkajs's encoder has no types
type Bytes = any

const bytes = (): Bytes => new Encoder()
const text = fc.constantFrom('', 'a', 'bé', 'orders')
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const code = fc.constantFrom(0, 3, 16, 110)
const int = fc.integer({ min: -1, max: 2 ** 31 - 1 })
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 3 })
const list = <T>(items: readonly T[], write: (item: T) => Bytes): Bytes[] => items.map(write)
const MOST = 9

const byTopic = <P>(partition: fc.Arbitrary<P>) => some(fc.record({ topic: text, partitions: some(partition) }))
const writeTopics = <P>(
  topics: readonly { readonly topic: string; readonly partitions: readonly P[] }[],
  write: (partition: P) => Bytes,
): Bytes[] => list(topics, ({ topic, partitions }) => bytes().writeString(topic).writeArray(list(partitions, write)))

/** An answer as a broker writes it, and who reads it: kafkajs, from the folder of its protocol, and we. */
interface Case {
  readonly folder: string
  readonly versions: readonly number[]
  readonly written: (version: number) => fc.Arbitrary<Bytes>
  readonly read: (answer: AnswerReader, version: number) => object
}

const commits = byTopic(fc.record({ partition: fc.nat(99), errorCode: code }))
const committed = byTopic(fc.record({ partition: fc.nat(99), offset: int, metadata: orNull(text), errorCode: code }))
const listed = byTopic(fc.record({ partition: fc.nat(99), errorCode: code, timestamp: int, offset: int }))
const brokers = some(fc.record({ nodeId: int, host: text, port: fc.nat(65_535), rack: orNull(text) }))
const described = byTopic(
  fc.record({ errorCode: code, partition: fc.nat(99), leader: int, nodes: fc.tuple(some(int), some(int), some(int)) }),
)
const members = some(fc.record({ memberId: text, instanceId: orNull(text), metadata: fc.uint8Array({ maxLength: 9 }) }))
const entries = some(
  fc.record({ name: text, value: orNull(text), flags: fc.tuple(fc.boolean(), fc.boolean()), synonyms: some(text) }),
)

const CASES: readonly Case[] = [
  {
    folder: 'apiVersions',
    versions: [0, 1, 2],
    written: (version) =>
      fc.record({ ranges: some(fc.tuple(fc.nat(99), fc.nat(9), fc.nat(9))), throttleMs: orNull(int) }).map((drawn) => {
        const ranges = list(drawn.ranges, ([key, min, max]) => bytes().writeInt16(key).writeInt16(min).writeInt16(max))
        const answer = bytes().writeInt16(0).writeArray(ranges)
        return version === 0 || drawn.throttleMs === null ? answer : answer.writeInt32(drawn.throttleMs)
      }),
    read: readVersions,
  },
  {
    folder: 'saslHandshake',
    versions: [0, 1],
    written: () => fc.tuple(code, some(text)).map(([error, names]) => bytes().writeInt16(error).writeArray(names)),
    read: readMechanisms,
  },
  {
    folder: 'metadata',
    versions: [4, 5, 6],
    written: (version) =>
      fc.tuple(int, brokers, orNull(text), described).map(([throttleMs, nodes, cluster, topics]) =>
        bytes()
          .writeInt32(throttleMs)
          .writeArray(
            list(nodes, ({ nodeId, host, port, rack }) =>
              bytes().writeInt32(nodeId).writeString(host).writeInt32(port).writeString(rack),
            ),
          )
          .writeString(cluster)
          .writeInt32(1)
          .writeArray(
            list(topics, ({ topic, partitions }) =>
              bytes()
                .writeInt16(0)
                .writeString(topic)
                .writeBoolean(true)
                .writeArray(
                  list(partitions, ({ errorCode, partition, leader, nodes }) => {
                    const body = bytes().writeInt16(errorCode).writeInt32(partition).writeInt32(leader)
                    for (const ids of version >= 5 ? nodes : nodes.slice(1)) body.writeArray(ids)
                    return body
                  }),
                ),
            ),
          ),
      ),
    read: readMetadata,
  },
  {
    folder: 'joinGroup',
    versions: [2, 3, 4, 5],
    written: (version) =>
      fc.tuple(int, code, int, text, members).map(([throttleMs, error, generation, name, those]) =>
        bytes()
          .writeInt32(throttleMs)
          .writeInt16(error)
          .writeInt32(generation)
          .writeString(name)
          .writeString('leader')
          .writeString('member')
          .writeArray(
            list(those, ({ memberId, instanceId, metadata }) => {
              const body = bytes().writeString(memberId)
              if (version >= 5) body.writeString(instanceId)
              return body.writeBytes(Buffer.from(metadata))
            }),
          ),
      ),
    read: readJoin,
  },
  {
    folder: 'leaveGroup',
    versions: [0, 1, 2, 3],
    written: (version) =>
      fc.tuple(int, code, fc.boolean()).map(([throttleMs, error, hasMember]) => {
        const answer = version >= 1 ? bytes().writeInt32(throttleMs) : bytes()
        answer.writeInt16(error)
        const member = bytes().writeString('member').writeString(null).writeInt16(error)
        return version >= 3 ? answer.writeArray(hasMember ? [member] : []) : answer
      }),
    read: readLeave,
  },
  {
    folder: 'offsetCommit',
    versions: [3, 4, 5],
    written: () =>
      fc.tuple(int, commits).map(([throttleMs, topics]) =>
        bytes()
          .writeInt32(throttleMs)
          .writeArray(
            writeTopics(topics, ({ partition, errorCode }) => bytes().writeInt32(partition).writeInt16(errorCode)),
          ),
      ),
    read: (answer, version) => readCommit(answer, version, MOST),
  },
  {
    folder: 'offsetFetch',
    versions: [2, 3, 4],
    written: (version) =>
      fc
        .tuple(int, committed, code)
        .map(([throttleMs, topics, error]) =>
          (version >= 3 ? bytes().writeInt32(throttleMs) : bytes())
            .writeArray(
              writeTopics(topics, ({ partition, offset, metadata, errorCode }) =>
                bytes().writeInt32(partition).writeInt64(offset).writeString(metadata).writeInt16(errorCode),
              ),
            )
            .writeInt16(error),
        ),
    read: (answer, version) => readCommitted(answer, version, MOST),
  },
  {
    folder: 'listOffsets',
    versions: [1, 2, 3],
    written: (version) =>
      fc
        .tuple(int, listed)
        .map(([throttleMs, topics]) =>
          (version >= 2 ? bytes().writeInt32(throttleMs) : bytes()).writeArray(
            writeTopics(topics, ({ partition, errorCode, timestamp, offset }) =>
              bytes().writeInt32(partition).writeInt16(errorCode).writeInt64(timestamp).writeInt64(offset),
            ),
          ),
        ),
    read: (answer, version) => readListed(answer, version, MOST),
  },
  {
    folder: 'describeConfigs',
    versions: [0, 1, 2],
    written: (version) =>
      fc.tuple(int, code, orNull(text), entries).map(([throttleMs, error, message, those]) =>
        bytes()
          .writeInt32(throttleMs)
          .writeArray([
            bytes()
              .writeInt16(error)
              .writeString(message)
              .writeInt8(4)
              .writeString('1')
              .writeArray(
                list(those, ({ name, value, flags, synonyms }) => {
                  const body = bytes().writeString(name).writeString(value).writeBoolean(flags[0])
                  if (version === 0) return body.writeBoolean(flags[1]).writeBoolean(false)
                  return body
                    .writeInt8(5)
                    .writeBoolean(flags[1])
                    .writeArray(list(synonyms, (synonym) => bytes().writeString(synonym).writeString('v').writeInt8(1)))
                }),
              ),
          ]),
      ),
    read: readConfigs,
  },
]

/** Of what kafkajs has read, whatever we have read as well. */
const sameFields = (theirs: unknown, ours: unknown): unknown => {
  if (Array.isArray(ours)) return (theirs as unknown[]).map((item, index) => sameFields(item, ours[index]))
  if (ours === null || typeof ours !== 'object' || Buffer.isBuffer(ours)) return theirs ?? ours
  const fields = theirs as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(ours).map(([name, value]) => [name, sameFields(fields[name] ?? absent(name), value)]),
  )
}

/** What kafkajs leaves out. */
const absent = (name: string): unknown => ({ clientSideThrottleTime: 0, leaderEpoch: -1, members: [] })[name]

const ALL = CASES.flatMap((one) => one.versions.map((version) => [one.folder, version, one] as const))

describe('the answer', () => {
  it.each(ALL)('to %s version %i is read as kafkajs reads it', async (folder, version, { written, read }) => {
    const theirs = kafkajsFile(`protocol/requests/${folder}/v${version}/response`)
    await fc.assert(
      fc.asyncProperty(written(version), async ({ buffer }) => {
        const ours = read(new AnswerReader(buffer), version)
        expect(ours).toEqual(sameFields(await theirs.decode(buffer), ours))
        // A broker may leave the throttle time of ApiVersions out; else each byte is needed.
        for (let cut = 0; cut < buffer.length - 4; cut++)
          expect(() => read(new AnswerReader(buffer.subarray(0, cut)), version)).toThrow(RangeError)
      }),
      { numRuns: 30 },
    )
  })

  it('that a broker gives to a version that it does not know is no list of versions', () => {
    const answer = bytes()
      .writeInt16(35)
      .writeArray([bytes().writeInt16(1)])
    expect(readVersions(new AnswerReader(answer.buffer), 2)).toEqual({ errorCode: 35, apiVersions: [] })
  })

  /** The length that costs most: longer arrays are sparse. */
  const many = 2 ** 25 - 1
  const topic = () => bytes().writeInt32(0).writeInt32(1).writeString('t').writeInt32(many)

  it.each<[string, Buffer, (answer: AnswerReader) => unknown]>([
    ['ApiVersions', bytes().writeInt16(0).writeInt32(many).buffer, (answer) => readVersions(answer, 2)],
    ['SaslHandshake', bytes().writeInt16(0).writeInt32(many).buffer, readMechanisms],
    ['Metadata', bytes().writeInt32(0).writeInt32(many).buffer, (answer) => readMetadata(answer, 6)],
    [
      'JoinGroup',
      bytes().writeInt32(0).writeInt16(0).writeInt32(1).writeString('').writeString('').writeString('').writeInt32(many)
        .buffer,
      (answer) => readJoin(answer, 5),
    ],
    ['LeaveGroup', bytes().writeInt32(0).writeInt16(0).writeInt32(many).buffer, (answer) => readLeave(answer, 3)],
    ['DescribeGroups', bytes().writeInt32(0).writeInt32(many).buffer, readGroups],
    ['OffsetCommit', topic().buffer, (answer) => readCommit(answer, 5, 2)],
    ['OffsetFetch', topic().buffer, (answer) => readCommitted(answer, 5, 2)],
    ['ListOffsets', topic().buffer, (answer) => readListed(answer, 3, 2)],
    ['DescribeConfigs', bytes().writeInt32(0).writeInt32(many).buffer, (answer) => readConfigs(answer, 2)],
    ['OffsetForLeaderEpoch', topic().buffer, (answer) => readEnds(answer, 2)],
  ])('to %s that announces millions of items is refused before one is read', (_, answer, read) => {
    expect(() => read(new AnswerReader(answer))).toThrow(/array of 33554431 items/)
  })

  it('has no more items of an array than bytes are left for them', () => {
    const reader = new AnswerReader(Buffer.concat([bytes().writeInt32(many).buffer, Buffer.alloc(1_000)]))
    const item = () => expect.fail('an item was read')
    expect(() => reader.array(item, Number.POSITIVE_INFINITY)).toThrow(
      'the answer ends within an array of 33554431 items',
    )
  })

  it('names no more partitions than were asked for, in all topics together', () => {
    const two = (name: string) =>
      bytes()
        .writeString(name)
        .writeArray([bytes().writeInt32(0).writeInt16(0), bytes().writeInt32(1).writeInt16(0)])
    const answer = bytes()
      .writeInt32(0)
      .writeArray([two('a'), two('b')]).buffer
    expect(readCommit(new AnswerReader(answer), 5, 4).responses).toHaveLength(2)
    expect(() => readCommit(new AnswerReader(answer), 5, 3)).toThrow('an array of 2 items where 1 may be')
  })
})
