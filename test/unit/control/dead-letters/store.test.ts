import { describe, expect, test } from 'vitest'
import { notStored } from '#src/control/dead-letters/not-stored.js'
import { ClusterStore, type DeadLetter } from '#src/control/dead-letters/store.js'
import { brokerError } from '#src/kafka/errors.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import { FakeWriter } from '../../../support/control/fake-writer.js'
import { rounds } from '../../../support/data/soon.js'

const MESSAGE_TOO_LARGE = 10
const NOT_LEADER = 6

const letter = (more: Partial<DeadLetter> = {}): DeadLetter => ({
  message: { key: null, value: new Uint8Array(1_000), headers: [], timestamp: 1n },
  facts: {
    ...{ topic: 'orders', partition: 3, offset: '17', groupId: 'g', attempts: 10, reason: 'exhausted' },
    error: { name: 'Error', message: 'no', stack: 's'.repeat(9_000) },
  },
  topic: 'orders.dlq',
  partition: 'any',
  ...more,
})

const world = (partitions = 4) => {
  const writer = new FakeWriter()
  writer.found = [
    {
      topic: 'orders.dlq',
      error: null,
      partitions: Array.from({ length: partitions }, (_, n) => ({ partition: n, leader: n })),
    },
  ]
  let made = 0
  const store = new ClusterStore(() => {
    made += 1
    return writer
  })
  return { writer, store, made: () => made }
}

/** Partitions that are slow are never answered. Each client is a writer of its own. */
const slowWorld = () => {
  const { writer } = world()
  const slow = new Set<number>()
  const writers: FakeWriter[] = []
  const store = new ClusterStore(() => {
    const next = new FakeWriter()
    next.found = writer.found
    const produce = next.produce.bind(next)
    next.produce = async (node, where, ...rest) => {
      const offset = await produce(node, where, ...rest)
      return slow.has(where.partition) ? new Promise(() => {}) : offset
    }
    writers.push(next)
    return next
  })
  return { store, writers, slow }
}

const textBytes = ({ messages }: FakeWriter['appended'][number]): number =>
  messages[0]?.headers.slice(-3).reduce((sum, [, value]) => sum + (value?.length ?? 0), 0) ?? 0

describe('a store', () => {
  test('makes its client when the first letter comes, and asks for the topic once', async () => {
    const { writer, store, made } = world()
    expect(made()).toBe(0)
    expect(await store.store(letter())).toEqual({ topic: 'orders.dlq', partition: 3, offset: '0' })
    expect(await store.store(letter())).toEqual({ topic: 'orders.dlq', partition: 3, offset: '1' })
    expect(writer.appended).toMatchObject([{ node: 3, where: { partition: 3 } }, { node: 3 }])
    expect([made(), writer.lookUps]).toEqual([1, 1])
    store.close()
    expect(writer.closed).toBe(true)
  })

  test('writes a letter that is too large with hardly any texts, and compressed', async () => {
    const { writer, store } = world()
    writer.errors.push(brokerError(MESSAGE_TOO_LARGE, 'Produce'))
    expect(await store.store(letter())).toMatchObject({ offset: '1' })
    expect(writer.appended.map(({ compress }) => compress)).toEqual([false, true])
    expect(writer.appended.map(textBytes)).toEqual([8_192, 256])
  })

  test('gives one up that is too large all the same', async () => {
    const { writer, store } = world()
    writer.errors.push(brokerError(MESSAGE_TOO_LARGE, 'Produce'), brokerError(MESSAGE_TOO_LARGE, 'Produce'))
    await expect(store.store(letter())).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    expect(writer.appended).toHaveLength(2)
  })

  test('looks the leader up again when what it knew was too old, and fails when it was not', async () => {
    const { writer, store } = world()
    await store.store(letter())
    writer.errors.push(brokerError(NOT_LEADER, 'Produce'))
    expect(await store.store(letter())).toMatchObject({ offset: '2' })
    expect(writer.lookUps).toBe(2)
    writer.errors.push(brokerError(NOT_LEADER, 'Produce'), brokerError(NOT_LEADER, 'Produce'))
    await expect(store.store(letter())).rejects.toMatchObject({ type: 'NOT_LEADER_FOR_PARTITION' })
    await store.store(letter())
    expect(writer.lookUps).toBe(4)
  })

  test('does not try again at once what the broker refuses', async () => {
    const { writer, store } = world()
    await store.store(letter())
    writer.errors.push(brokerError(29, 'Produce'))
    await expect(store.store(letter())).rejects.toBeInstanceOf(KafkaError)
    expect(writer.appended).toHaveLength(2)
  })

  test('writes nothing to a topic that is not there, and sees when it is', async () => {
    const { writer, store } = world()
    const [there] = writer.found
    writer.found = []
    await expect(store.store(letter())).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(writer.appended).toEqual([])
    writer.found = there === undefined ? [] : [there]
    await store.store(letter())
    expect(writer.appended).toHaveLength(1)
  })

  test('holds no letter up for one whose partition is slow: that takes one client, and so do all others to the same', async () => {
    const { store, writers, slow } = slowWorld()
    const stored: number[] = []
    const write = (partition: number) => {
      const { facts } = letter()
      void store.store(letter({ facts: { ...facts, partition } })).then((at) => stored.push(at.partition))
    }
    await store.store(letter())
    slow.add(1)
    write(1)
    write(5) // modulo four it goes to the same
    await rounds(3)
    for (const partition of [0, 2, 3]) write(partition)
    await rounds(3)
    expect(stored.sort()).toEqual([0, 2, 3])
    slow.add(2).add(3).add(0)
    for (const partition of [2, 3, 0]) write(partition)
    await rounds(3)
    expect(writers.map(({ appended }) => appended.at(-1)?.where.partition)).toEqual([1, 2, 3, 0])
    store.close()
    expect(writers.every(({ closed }) => closed)).toBe(true)
  })

  test('looks a topic up once for all letters that come meanwhile, also where its leaders have moved', async () => {
    const { writer, store } = world()
    const letters = [0, 1, 2, 3].map((partition) => letter({ facts: { ...letter().facts, partition } }))
    const storeAll = () => Promise.all(letters.map((each) => store.store(each)))
    await storeAll()
    expect(writer.lookUps).toBe(1)
    writer.errors.push(...letters.map(() => brokerError(NOT_LEADER, 'Produce')))
    await storeAll()
    expect([writer.lookUps, writer.appended.length]).toEqual([2, 12])
  })

  test('that is closed before its first letter leaves no client open', async () => {
    const { writer, store } = world()
    store.close()
    await store.store(letter()).catch(() => {})
    expect(writer.closed).toBe(true)
  })
})

describe('a letter that is not stored', () => {
  const said = (code: number, more: Partial<DeadLetter> = {}) =>
    notStored(letter(more), 2, brokerError(code, 'Produce'))

  test.each([
    [3, 'kafka-topics.sh --create --topic orders.dlq'],
    [29, 'Let this client describe and write "orders.dlq" (ACLs Describe and Write)'],
    [MESSAGE_TOO_LARGE, 'Raise max.message.bytes of "orders.dlq" well above the 1000 bytes'],
    [18, 'Raise max.message.bytes of "orders.dlq"'],
    [32, 'Set message.timestamp.type of "orders.dlq" to LogAppendTime'],
    [87, 'Set cleanup.policy of "orders.dlq" to delete'],
  ])('says what to do about error %i of the broker', (code, remedy) => {
    const error = said(code)
    expect(error).toMatchObject({
      code: 'KCP_DEAD_LETTER_NOT_STORED',
      topic: 'orders',
      partition: 3,
      offset: '17',
      slot: 2,
    })
    expect(error.message).toContain('the dead letter of orders-3@17 is not stored in "orders.dlq" yet: Produce')
    expect(error.message).toContain(remedy)
  })

  test('says of "same" how many partitions it takes', () => {
    expect(said(3, { partition: 'same' }).message).toContain('at least 4 partitions')
  })

  test('says just what happened where there is nothing to do but to wait', () => {
    const cause = new KafkaError('CONNECTION', -1, true, 'connection refused')
    expect(notStored(letter(), 0, cause).message).toMatch(/yet: connection refused$/)
  })
})
