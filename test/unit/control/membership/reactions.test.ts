import { expect, test } from 'vitest'
import { reactionTo, retryDelayMs } from '#src/control/membership/reactions.js'
import { kafkaError, unanswered } from '../../../support/control/fake-client.js'

test.each([
  [27, 'REBALANCE_IN_PROGRESS', 'rejoin'],
  [79, 'MEMBER_ID_REQUIRED', 'rejoin'],
  [25, 'UNKNOWN_MEMBER_ID', 'lost'],
  [22, 'ILLEGAL_GENERATION', 'regenerate'],
  [82, 'FENCED_INSTANCE_ID', 'fenced'],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', 'refused'],
  [24, 'INVALID_GROUP_ID', 'refused'],
  [26, 'INVALID_SESSION_TIMEOUT', 'refused'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'refused'],
  [30, 'GROUP_AUTHORIZATION_FAILED', 'refused'],
  [35, 'UNSUPPORTED_VERSION', 'refused'],
  [81, 'GROUP_MAX_SIZE_REACHED', 'refused'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retry'],
  [16, 'NOT_COORDINATOR', 'retry'],
  [999, 'A_CODE_OF_THE_FUTURE', 'retry'],
])('what a seat does about code %i (%s): %s', (code, type, reaction) => {
  expect(reactionTo(kafkaError(code, type))).toBe(reaction)
})

test('no answer, and a fault of our own, say nothing of the membership', () => {
  expect([unanswered(), new TypeError('ours'), 'text'].map(reactionTo)).toEqual(['retry', 'retry', 'retry'])
})

test('a seat asks again at once after the first failure, and every second after many', () => {
  expect([0, 1, 2, 6, 1_000].map(retryDelayMs)).toEqual([25, 50, 100, 1_000, 1_000])
})
