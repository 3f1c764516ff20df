import { expect, test } from 'vitest'
import { judgeFetchError, judgeUnreadable } from '#src/data/fetching/fetch-verdict.js'

test.each([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_LEADER_EPOCH',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
])('%s means: look the leader up again', (error) => expect(judgeFetchError(error, false)).toBe('look-up'))

test('OFFSET_OUT_OF_RANGE from the leader means: the reset policy decides', () =>
  expect(judgeFetchError('OFFSET_OUT_OF_RANGE', false)).toBe('reset-offset'))

test('OFFSET_OUT_OF_RANGE from a follower means: ask the leader', () =>
  expect(judgeFetchError('OFFSET_OUT_OF_RANGE', true)).toBe('look-up'))

test('TOPIC_AUTHORIZATION_FAILED means: try again much later', () =>
  expect(judgeFetchError('TOPIC_AUTHORIZATION_FAILED', false)).toBe('denied'))

test('CORRUPT_MESSAGE means: the same as a batch that cannot be read', () =>
  expect(judgeFetchError('CORRUPT_MESSAGE', false)).toBe('unreadable'))

test('a batch that cannot be read is asked for five times more, then its partition stands still', () => {
  const times = [1, 2, 3, 4, 5, 6, 7]
  const verdicts = times.map((time) => judgeUnreadable('KCP_BATCH_UNDECODABLE', time))
  expect(verdicts).toEqual([...Array.from({ length: 5 }, () => 'ask-again'), 'halt', 'halt'])
})

test.each([
  'KCP_CODEC_MISSING',
  'KCP_BATCH_TOO_LARGE',
  undefined,
])('a batch that another try cannot make readable (%s) stops its partition at once', (code) =>
  expect(judgeUnreadable(code, 1)).toBe('halt'))

test('any other error means: go on trying, and say so', () =>
  expect(judgeFetchError('UNKNOWN_SERVER_ERROR', false)).toBe('look-up-loudly'))
