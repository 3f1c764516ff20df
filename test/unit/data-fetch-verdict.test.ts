import { expect, test } from 'vitest'
import { judgeFetchError } from '#src/data/fetch-verdict.js'

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

test('any other error means: go on trying, and say so', () =>
  expect(judgeFetchError('UNKNOWN_SERVER_ERROR', false)).toBe('look-up-loudly'))
