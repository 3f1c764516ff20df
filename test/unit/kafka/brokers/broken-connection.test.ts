import { describe, expect, it } from 'vitest'
import { hintFor } from '#src/kafka/brokers/broken-connection.js'

describe('what is said of a connection that breaks', () => {
  const failed = (code: string) => Object.assign(new Error('raw'), { code })
  const certified = { cert: 'c', key: 'k' }

  it.each([
    ['greeting', true, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /Set ssl\.cert and ssl\.key/],
    ['connecting', { ca: 'x' }, 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /Set ssl\.cert and ssl\.key/],
    ['connecting', true, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', /Set ssl\.cert and ssl\.key/],
    ['greeting', true, 'ECONNRESET', /is it a Kafka broker\?.*Set ssl\.cert and ssl\.key/],
    ['greeting', certified, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /check ssl\.cert/],
    ['greeting', certified, 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', /check ssl\.cert/],
    ['connecting', true, 'SELF_SIGNED_CERT_IN_CHAIN', /set ssl\.ca/],
    ['connecting', certified, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', /set ssl\.ca/],
    ['connecting', true, 'DEPTH_ZERO_SELF_SIGNED_CERT', /set ssl\.ca/],
    ['connecting', true, 'ERR_TLS_CERT_ALTNAME_INVALID', /ssl\.servername/],
    ['connecting', true, 'ERR_SSL_WRONG_VERSION_NUMBER', /does the listener speak TLS\?/],
    ['greeting', null, 'ECONNRESET', /one that wants no TLS/],
  ] as const)('while %s with %j: %s names what to set', (phase, ssl, code, says) => {
    expect(hintFor(phase, ssl, failed(code))).toMatch(says)
  })

  it('is nothing more when the error says enough', () => {
    expect(hintFor('connecting', null, failed('ECONNREFUSED'))).toBe('')
    expect(hintFor('open', certified, failed('ECONNRESET'))).toBe('')
    expect(hintFor('open', null, undefined)).toBe('')
  })
})
