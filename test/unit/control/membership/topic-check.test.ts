import { expect, test } from 'vitest'
import { checkTopics } from '#src/control/membership/topic-check.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { slotConfig } from '../../../support/config/slot-config.js'

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

test('a broker that gives no answer any more is asked again for two seconds, and then named as what stops the start', async () => {
  let asked = 0
  const away = new KafkaError('CONNECTION', -1, true, 'the connection to a:1 was closed')
  const check = (answers: number) =>
    checkTopics([slotConfig({ topics: ['orders'] })], async () => {
      if (asked++ < answers) throw away
      return [there('orders')]
    })
  await expect(check(2)).resolves.toEqual([there('orders')])
  await expect(check(1_000)).rejects.toMatchObject({
    name: 'PoolError',
    code: 'KCP_BROKER_UNREACHABLE',
    message: expect.stringMatching(/^the topics "orders" could not be looked up: .* was closed\. .*start again$/),
    cause: away,
  })
})

test.each([
  ['a refusal', new KafkaError('SASL_AUTHENTICATION_FAILED', 58, false, 'no'), { code: 'KCP_BROKER_REFUSED' }],
  ['the end of the connection', new KafkaError('CLOSED', -1, false, 'closed'), { type: 'CLOSED' }],
])('%s ends the look at once', async (_, error, told) => {
  let asked = 0
  const check = checkTopics([slotConfig()], () => {
    asked++
    return Promise.reject(error)
  })
  await expect(check).rejects.toMatchObject(told)
  expect(asked).toBe(1)
})

test.each([
  ['TOPIC_AUTHORIZATION_FAILED', 'KCP_BROKER_REFUSED'],
  ['INVALID_TOPIC_EXCEPTION', 'KCP_TOPIC_MISSING'],
])('what waiting does not mend is said at once (%s)', async (error, code) => {
  const { check, asked } = brokers(missing('orders', error))
  await expect(check).rejects.toMatchObject({ code })
  expect(asked()).toBe(1)
})

test('fixed partitions that are not there are named, after the same patience', async () => {
  const fixed = [3, 0, 1].map((partition) => ({ topic: 'orders', partition }))
  const check = checkTopics([slotConfig({ topics: ['orders'], fixed })], async () => [there('orders')])
  await expect(check).rejects.toMatchObject({
    code: 'KCP_TOPIC_MISSING',
    message:
      'there are no partitions orders-1, orders-3 on the broker: "orders" has 1, which is 0. Remove them from assign, or add partitions to the topic',
  })
})
