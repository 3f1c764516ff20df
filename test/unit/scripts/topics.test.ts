import { type Admin, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { makeTopic, rangesOf } from '#scripts/support/topics.js'

type Offsets = Awaited<ReturnType<Admin['fetchTopicOffsets']>>

const refused = (type: string, retriable: boolean) =>
  new KafkaJSProtocolError(Object.assign(new Error(type), { type, retriable }))

/** What KafkaJS throws when the answer of a leader has none of the partitions. */
const stumbles = (): Offsets => {
  const answers: { partitions: Offsets }[] = []
  const { partitions } = answers.pop() as { partitions: Offsets }
  return partitions
}

const fails = (error: Error) => () => {
  throw error
}

const offsets = (count: number) => (): Offsets =>
  Array.from({ length: count }, (_, partition) => ({ partition, offset: '0', low: '0', high: '7' }))

/** An admin to whom the brokers answer with these, one after the other. */
const adminWith = (answers: (() => Offsets)[]): Admin => {
  const partitions = [0, 1].map((partitionId) => ({ partitionId, leader: 1 }))
  return {
    createTopics: async () => true,
    fetchTopicMetadata: async () => ({ topics: [{ name: 't', partitions }] }),
    fetchTopicOffsets: async () => (answers.shift() ?? fails(new Error('was asked too often')))(),
  } as unknown as Admin
}

const notYet = [
  stumbles,
  fails(refused('NOT_LEADER_FOR_PARTITION', true)),
  fails(
    new KafkaJSNumberOfRetriesExceeded(refused('UNKNOWN_TOPIC_OR_PARTITION', true), { retryCount: 5, retryTime: 1 }),
  ),
]

describe('a topic that has just been made', () => {
  test('is waited for until the leaders of all partitions answer, whatever one of them says before it knows its own', async () => {
    const answers = [...notYet, offsets(1), offsets(2)]
    await makeTopic(adminWith(answers), 't', { partitions: 2 })
    expect(answers).toEqual([])
  })

  test('has its offsets read when its leaders know them', async () => {
    const ranges = await rangesOf(adminWith([...notYet, offsets(2)]), 't')
    expect(ranges).toEqual([0, 1].map((partition) => ({ topic: 't', partition, from: 0, to: 7 })))
  })

  test.each([
    refused('TOPIC_AUTHORIZATION_FAILED', false),
    new KafkaJSNonRetriableError('no'),
  ])('is not waited for when that would not help (%s)', async (error) => {
    await expect(makeTopic(adminWith([fails(error)]), 't', { partitions: 2 })).rejects.toBe(error)
  })
})
