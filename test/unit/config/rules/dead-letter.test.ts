import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deadLetterTopic } from '#src/config/dead-letter-topic.js'
import { resolveConfig } from '#src/config/resolve.js'
import type { ConfigIssue } from '#src/index.js'

const base = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, workers: 1 }
const one = { ...base, topics: ['orders'], handler: './h.js' }
const ON = { topic: '{topic}.dlq', partition: 'any', breaker: 10, resumeAfterMs: null }

const issuesOf = (options: unknown): readonly ConfigIssue[] => {
  try {
    resolveConfig(options)
    return []
  } catch (error) {
    return (error as { readonly issues: readonly ConfigIssue[] }).issues
  }
}

const of = (options: unknown) => resolveConfig(options).slots.map(({ deadLetter }) => deadLetter)

describe('what turns dead letters on', () => {
  test('nothing, by default', () => expect(of(one)).toEqual([null]))
  test('true, with the defaults', () => expect(of({ ...one, deadLetter: true })).toEqual([ON]))
  test('an object, with what it says', () =>
    expect(of({ ...one, deadLetter: { topic: 'dead', partition: 'same', breaker: 3, resumeAfterMs: 5_000 } })).toEqual([
      { topic: 'dead', partition: 'same', breaker: 3, resumeAfterMs: 5_000 },
    ]))

  test('layer by layer: a subscription changes a part, and another turns off what all have', () => {
    const subscriptions = [
      { topics: ['a'], handler: './h.js' },
      { topics: ['b'], handler: './h.js', deadLetter: { breaker: 2 } },
      { topics: ['c'], handler: './h.js', deadLetter: false, onExhausted: 'skip' },
    ]
    const shared = { ...base, subscriptions, deadLetter: { topic: 'dead.{topic}' } }
    expect(of(shared)).toEqual([{ ...ON, topic: 'dead.{topic}' }, { ...ON, topic: 'dead.{topic}', breaker: 2 }, null])
  })
})

describe('what is refused', () => {
  test.each([
    [
      { ...one, deadLetter: true, onExhausted: 'skip' },
      'onExhausted',
      'onExhausted (skip) passes exhausted messages over, but deadLetter.topic ({topic}.dlq) takes them. Remove',
    ],
    [
      { ...one, deadLetter: { topic: 'orders' } },
      'deadLetter.topic',
      'sends dead letters of "orders" to "orders", which the same handler consumes',
    ],
    [
      { ...one, topics: ['orders', 'orders.dlq'], deadLetter: true },
      'deadLetter',
      'to "orders.dlq", which the same handler consumes',
    ],
    [
      { ...one, deadLetter: { topic: '{topic}/dlq' } },
      'deadLetter.topic',
      'expected the name of a topic (characters of A-Z a-z 0-9 . _ -, and {topic}',
    ],
    [
      { ...one, deadLetter: { topic: '..' } },
      'deadLetter.topic',
      '".." makes ".." of topic "orders", which is none that Kafka allows',
    ],
    [
      { ...one, topics: ['o'.repeat(246)], deadLetter: true },
      'deadLetter',
      'which has 250 characters; Kafka allows 249. Take a shorter one',
    ],
    [{ ...one, deadLetter: { partition: 'hash' } }, 'deadLetter.partition', 'expected one of "any", "same", got'],
    [{ ...one, deadLetter: { breaker: 0 } }, 'deadLetter.breaker', 'expected a whole number from 1'],
    [{ ...one, deadLetter: { resumeAfterMs: 10 } }, 'deadLetter.resumeAfterMs', 'from 1000 to 86400000, got 10'],
    [{ ...one, deadLetter: 'orders.dlq' }, 'deadLetter', 'expected an object, true or false, got a string'],
    [{ ...one, deadLetter: null }, 'deadLetter', 'expected an object, true or false, got null'],
    [{ ...one, deadLetter: { maxRetries: 3 } }, 'deadLetter.maxRetries', 'that is retry here (attempts'],
    [{ ...one, deadletter: true }, 'deadletter', 'Did you mean "deadLetter"?'],
    [{ ...one, dlq: true }, 'dlq', 'that is deadLetter here'],
  ])('%#: %o', (options, path, message) => {
    const found = issuesOf(options)
    expect(found.map((issue) => issue.path)).toEqual([path])
    expect(found[0]?.message).toContain(message)
  })

  test('a loop over two subscriptions, each naming the way; a chain is none', () => {
    const retry = { topics: ['orders.dlq'], handler: './h.js', consumer: { groupId: 'other' } }
    const orders = { topics: ['orders'], handler: './h.js', deadLetter: true }
    expect(issuesOf({ ...base, subscriptions: [orders, retry] })).toEqual([])
    expect(issuesOf({ ...base, subscriptions: [orders, { ...retry, deadLetter: true }] })).toEqual([])
    const found = issuesOf({ ...base, subscriptions: [orders, { ...retry, deadLetter: { topic: 'orders' } }] })
    expect(found.map(({ path }) => path)).toEqual(['subscriptions[0].deadLetter', 'subscriptions[1].deadLetter.topic'])
    expect(found[0]?.message).toContain('orders → orders.dlq → orders')
  })

  test('topics of another cluster are none of this one', () => {
    const far = {
      topics: ['orders'],
      handler: './h.js',
      kafka: { brokers: ['b:1'] },
      deadLetter: { topic: 'orders.dlq' },
    }
    const near = { topics: ['orders.dlq'], handler: './h.js', deadLetter: { topic: 'orders' } }
    expect(issuesOf({ ...base, subscriptions: [far, near] })).toEqual([])
  })
})

test('the pattern: every {topic} is the name of the topic, and nothing else is', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9._$&-]{1,20}$/)
  fc.assert(
    fc.property(name, name, name, (before, topic, after) => {
      expect(deadLetterTopic(`${before}{topic}${after}{topic}`, topic)).toBe(`${before}${topic}${after}${topic}`)
      expect(deadLetterTopic(before, topic)).toBe(before)
    }),
  )
})
