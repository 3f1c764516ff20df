import { describe, expect, it } from 'vitest'
import { toKafkaError } from '#src/kafka/errors.js'
import { kafkajsFile } from '../../support/kafka/record-encoder.js'

describe('what kafkajs throws', () => {
  const errors = kafkajsFile('errors')
  const { createErrorFromCode } = kafkajsFile('protocol/error')

  it('becomes a KafkaError with the broker’s code, also from within a wrapper', () => {
    const inner = createErrorFromCode(27)
    const wrapped = new errors.KafkaJSNumberOfRetriesExceeded(inner, { retryCount: 1, retryTime: 1 })
    for (const error of [inner, wrapped, new errors.KafkaJSNonRetriableError(inner, { cause: inner })]) {
      expect(toKafkaError(error, 'x')).toMatchObject({ type: 'REBALANCE_IN_PROGRESS', code: 27 })
    }
  })

  it('keeps the number of a code that kafkajs does not know', () => {
    expect(toKafkaError(createErrorFromCode(110), 'x')).toMatchObject({
      type: 'ERROR_CODE_110',
      code: 110,
      retriable: false,
    })
  })

  it('is a connection error when there was no answer', () => {
    const error = toKafkaError(new errors.KafkaJSConnectionError('refused', { code: 'ECONNREFUSED' }), 'x')
    expect(error).toMatchObject({ type: 'CONNECTION', code: -1, retriable: true, unanswered: true })
  })

  it('is no answer of a broker when somebody else has errors with a type and a code', () => {
    const error = Object.assign(new Error('no token today'), { type: 'system', code: 401 })
    expect(toKafkaError(error, 'x')).toMatchObject({
      type: 'CONNECTION',
      unanswered: true,
      message: 'x failed: no token today',
    })
  })

  it('is a refusal when authentication failed', () => {
    const error = toKafkaError(new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: no'), 'x')
    expect(error).toMatchObject({ type: 'SASL_AUTHENTICATION_FAILED', code: 58, retriable: false, unanswered: false })
  })
})
