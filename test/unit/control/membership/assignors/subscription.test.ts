import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  TopicLists,
} from '#src/control/membership/assignors/subscription.js'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const absent = { userData: null, owned: [], generation: -1, rackId: null }

/** Version 3: topics [a, b], no user data, owned a-0 and a-1, generation 5, rack r. */
const FULL = '0003 00000002 0001 61 0001 62 ffffffff 00000001 0001 61 00000002 00000000 00000001 00000005 0001 72'

describe('a subscription', () => {
  test('is written as version 3, its topics and partitions sorted and each once', () => {
    const written = encodeSubscription({
      topics: ['b', 'a', 'b'],
      owned: [
        { topic: 'a', partition: 1 },
        { topic: 'a', partition: 0 },
      ],
      generation: 5,
      rackId: 'r',
    })
    expect(written.toString('hex')).toBe(bytes(FULL).toString('hex'))
  })

  test('of an eager member has no more than topics in it', () => {
    expect(encodeSubscription({ topics: ['a'] })).toEqual(
      bytes('0003 00000001 0001 61 ffffffff 00000000 ffffffff ffff'),
    )
  })

  test.each([
    ['version 0', '0000 00000001 0001 61 ffffffff', { ...absent, topics: ['a'] }],
    ['version 0 without user data', '0000 00000001 0001 61', { ...absent, topics: ['a'] }],
    [
      'KafkaJS, with empty user data',
      '0000 00000001 0001 61 00000000',
      { ...absent, topics: ['a'], userData: Buffer.alloc(0) },
    ],
    ['user data', '0000 00000000 00000002 cafe', { ...absent, topics: [], userData: bytes('cafe') }],
    ['version 1', '0001 00000001 0001 61 ffffffff 00000000', { ...absent, topics: ['a'] }],
    ['version 1 that lacks its own field', '0001 00000001 0001 61 ffffffff', { ...absent, topics: ['a'] }],
    [
      'version 2',
      '0002 00000001 0001 61 ffffffff 00000001 0001 61 00000001 00000007 00000004',
      { ...absent, topics: ['a'], owned: [{ topic: 'a', partition: 7 }], generation: 4 },
    ],
    ['librdkafka, with an empty rack', '0003 00000000 ffffffff 00000000 ffffffff 0000', { ...absent, topics: [] }],
    ['null arrays', '0001 ffffffff ffffffff ffffffff', { ...absent, topics: [] }],
    [
      'a version to come',
      `0009${FULL.slice(4)} 00000001 beef`,
      {
        topics: ['a', 'b'],
        userData: null,
        owned: [
          { topic: 'a', partition: 0 },
          { topic: 'a', partition: 1 },
        ],
        generation: 5,
        rackId: 'r',
      },
    ],
  ])('is read: %s', (_, hex, expected) => {
    expect(decodeSubscription(bytes(hex))).toEqual(expected)
  })

  test('comes back as it was written', () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
    const partitions = fc.uniqueArray(fc.record({ topic: fc.constantFrom('a', 'b', 'ü'), partition: fc.nat() }), {
      selector: ({ topic, partition }) => `${topic}/${partition}`,
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(name),
        fc.option(fc.uint8Array()),
        partitions,
        fc.integer({ min: -1, max: 2 ** 31 - 1 }),
        fc.option(name),
        (topics, data, owned, generation, rackId) => {
          const userData = data === null ? null : Buffer.from(data)
          const read = decodeSubscription(encodeSubscription({ topics, userData, owned, generation, rackId }))
          expect({ ...read, topics: new Set(read.topics), owned: new Set(read.owned) }).toEqual({
            topics: new Set(topics),
            userData,
            owned: new Set(owned),
            generation,
            rackId,
          })
        },
      ),
    )
  })
})

describe('an assignment', () => {
  test('is written as version 3, sorted, with no user data', () => {
    const written = encodeAssignment([
      { topic: 'b', partition: 0 },
      { topic: 'a', partition: 10 },
      { topic: 'a', partition: 9 },
    ])
    expect(written).toEqual(
      bytes('0003 00000002 0001 61 00000002 00000009 0000000a 0001 62 00000001 00000000 ffffffff'),
    )
  })

  test.each([
    ['no bytes, which a member gets whom the leader left out', '', []],
    [
      'KafkaJS, with empty user data',
      '0000 00000001 0001 61 00000001 00000002 00000000',
      [{ topic: 'a', partition: 2 }],
    ],
    ['a version to come', '0007 00000001 0001 61 00000001 00000002 ffffffff cafe', [{ topic: 'a', partition: 2 }]],
    ['no user data at all', '0001 00000000', []],
  ])('is read: %s', (_, hex, expected) => {
    expect(decodeAssignment(bytes(hex))).toEqual(expected)
  })
})

describe('garbage', () => {
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: 'KCP_PROTOCOL_REFUSED', message: expect.stringMatching(message) })
  const thrownBy = (run: () => unknown): unknown => {
    try {
      run()
    } catch (error) {
      return error
    }
    return undefined
  }

  test.each([
    ['nothing', ''],
    ['one byte', '00'],
    ['a negative version', 'ffff 00000000 ffffffff'],
    ['another protocol (Kafka Connect)', '0001 0015 68747470'],
    ['an array longer than the bytes', '0000 7fffffff 0001 61'],
    ['a negative array', '0000 fffffffe'],
    ['a null topic', '0000 00000001 ffff ffffffff'],
    ['a topic cut off', '0000 00000001 0005 61'],
    ['user data cut off', '0000 00000000 00000009 61'],
    ['an owned partition with a negative number', '0001 00000000 ffffffff 00000001 0001 61 00000001 ffffffff'],
    ['owned partitions cut off', '0001 00000000 ffffffff 00000001 0001 61 00000002 00000000'],
  ])('is refused as a subscription: %s', (_, hex) => {
    expect(thrownBy(() => decodeSubscription(bytes(hex)))).toEqual(
      refused(/^Cannot read the subscription of a member of the group: expected .*(got|left)/),
    )
  })

  test('is read the same where other members of the group have the same topics, or others', () => {
    const lists = new TopicLists()
    const topics = [['a', 'b'], ['a'], ['a', 'b'], [], ['a', 'b', 'c'], ['a']]
    const read = topics.map((own) => decodeSubscription(encodeSubscription({ topics: own, rackId: 'r' }), lists))
    expect(read).toEqual(topics.map((own) => decodeSubscription(encodeSubscription({ topics: own, rackId: 'r' }))))
    expect(read.map((each) => each.topics)).toEqual(topics)
    expect(read[2]?.topics).toBe(read[0]?.topics)
  })

  test.each([
    ['one byte', '00'],
    ['a partition with a negative number', '0001 00000001 0001 61 00000001 80000000 ffffffff'],
  ])('is refused as an assignment: %s', (_, hex) => {
    expect(thrownBy(() => decodeAssignment(bytes(hex)))).toEqual(refused(/^Cannot read the assignment from the leader/))
  })

  test('of any kind has either an answer or this error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (garbage) => {
        for (const decode of [decodeSubscription, decodeAssignment]) {
          const error = thrownBy(() => decode(Buffer.from(garbage)))
          if (error !== undefined) expect(error).toEqual(refused(/./))
        }
      }),
      { numRuns: 1000 },
    )
  })
})
