import { expect, test } from 'vitest'
import { checkTopics } from '#src/control/topic-check.js'
import type { TopicMetadata } from '#src/kafka/face.js'
import { slotConfig } from '../support/slot-config.js'

const there = (topic: string): TopicMetadata => ({ topic, error: null, partitions: [{ partition: 0, leader: 1 }] })
const missing = (topic: string, error: string | null): TopicMetadata => ({ topic, error, partitions: [] })

/** Brokers that say one answer after the other about the only topic; the last one again and again. */
const brokers = (...answers: TopicMetadata[]) => {
  let asked = 0
  const check = checkTopics([slotConfig({ topics: ['orders'] })], async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)]
    return answer === undefined ? [] : [answer]
  })
  return { check, asked: () => asked }
}

test.each([
  missing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'),
  missing('orders', 'LEADER_NOT_AVAILABLE'),
  missing('orders', null),
])('a topic that was just created is waited for (%j)', async (unknown) => {
  const { check, asked } = brokers(unknown, unknown, there('orders'))
  await expect(check).resolves.toEqual([there('orders')])
  expect(asked()).toBe(3)
})

test('a topic that does not come is named after two seconds', async () => {
  const { check } = brokers(missing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'))
  await expect(check).rejects.toMatchObject({
    code: 'KCP_TOPIC_MISSING',
    message: expect.stringContaining('"orders" on the broker (UNKNOWN_TOPIC_OR_PARTITION)'),
  })
})

test.each([
  ['TOPIC_AUTHORIZATION_FAILED', 'KCP_BROKER_REFUSED'],
  ['INVALID_TOPIC_EXCEPTION', 'KCP_TOPIC_MISSING'],
])('what waiting does not mend is said at once (%s)', async (error, code) => {
  const { check, asked } = brokers(missing('orders', error))
  await expect(check).rejects.toMatchObject({ code })
  expect(asked()).toBe(1)
})
