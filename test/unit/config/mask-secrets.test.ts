import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { effectiveConfig, maskSecrets } from '#src/config/mask-secrets.js'
import { resolveConfig } from '#src/config/resolve.js'

const SECRET = 'hunter2-hunter2'

describe('maskSecrets', () => {
  test.each([
    [{ sasl: { mechanism: 'plain', username: 'u', password: SECRET } }],
    [{ kafka: { sasl: { secretAccessKey: SECRET, sessionToken: SECRET } } }],
    [{ ssl: { key: SECRET, passphrase: SECRET, pfx: Buffer.from(SECRET), ca: 'public' } }],
    [{ ssl: { key: [SECRET, SECRET] } }],
    [
      {
        'sasl.password': SECRET,
        'sasl.jaas.config': SECRET,
        'ssl.key.password': SECRET,
        'ssl.keystore.key': SECRET,
        'ssl.key.pem': SECRET,
      },
    ],
    [{ list: [{ password: SECRET }] }],
    [{ password: { nested: SECRET } }],
    [`kafka://user:${SECRET}@host:9092/x`],
    [new URL(`https://user:${SECRET}@host/x`)],
    [`x.PlainLoginModule required username="u" password="${SECRET}";`],
    [`password=${SECRET}`],
    [`-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`],
    [{ cert: `-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n${SECRET}` }],
  ])('hides the secrets in %j', (value) => {
    const masked = JSON.stringify(maskSecrets(value))
    expect(masked).not.toContain(SECRET)
    expect(masked).toContain('[hidden]')
  })

  test('leaves alone what is none', () => {
    const value = {
      key: 'of a message',
      keys: [1, 2],
      tokens: 3,
      ssl: { ca: '-----BEGIN CERTIFICATE-----', rejectUnauthorized: false },
      sasl: { username: 'u', accessKeyId: 'a', oauthBearerProvider: 'file:///node_modules/@acme/token.js' },
      password: null,
      url: 'file:///node_modules/@acme/x.js',
      text: 'orders-3@100',
    }
    expect(maskSecrets(value)).toEqual(value)
  })

  test('copies: the value stays as it was, and is not shared', () => {
    const value = { sasl: { password: SECRET }, list: [1] }
    const masked = maskSecrets(value) as typeof value
    expect(value).toEqual({ sasl: { password: SECRET }, list: [1] })
    expect(masked.list).not.toBe(value.list)
  })

  test('mentions what is no text, and survives a circle', () => {
    const value: Record<string, unknown> = { bytes: new Uint8Array(3), handler: () => undefined }
    value.self = value
    expect(maskSecrets(value)).toEqual({ bytes: '[3 bytes]', handler: '[function]', self: '[circular]' })
  })

  test('hides a password wherever it stands, whatever is around it', () => {
    fc.assert(
      fc.property(fc.object(), (around) => {
        const masked = maskSecrets({ ...around, deep: [{ sasl: { ...around, password: SECRET } }] })
        expect(JSON.stringify(masked)).not.toContain(SECRET)
      }),
    )
  })
})

describe('effectiveConfig', () => {
  const CA = '-----BEGIN CERTIFICATE-----\nx\n'
  const [slot] = resolveConfig({
    kafka: {
      brokers: ['a:1'],
      ssl: { ca: CA, key: `-----BEGIN PRIVATE KEY-----\n${SECRET}` },
      sasl: { mechanism: 'plain', username: 'u', password: SECRET },
    },
    consumer: { groupId: 'g', 'group.instance.id': 'pod', 'session.timeout.ms': '30000' },
    topics: ['t'],
    handler: '/h.js',
    workers: 1,
  }).slots

  test('names every value, flat, with the connection’s own client id and without secrets', () => {
    if (slot === undefined) throw new Error('no slot')
    const effective = effectiveConfig(slot, 'orders-00-1.000000-0')
    expect(effective).toMatchObject({
      clientId: 'orders-00-1.000000-0',
      groupId: 'g',
      groupInstanceId: 'pod',
      sessionTimeout: 30_000,
      brokers: ['a:1'],
      'retry.attempts': 10,
      'retry.retries': 5,
      'ssl.ca': CA,
      'ssl.key': '[hidden]',
      'sasl.username': 'u',
      'sasl.password': '[hidden]',
      rackId: null,
    })
    const leafCount = (value: unknown): number =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.values(value).reduce<number>((sum, item) => sum + leafCount(item), 0)
        : 1
    expect(Object.keys(effective)).toHaveLength(leafCount(slot))
    expect(structuredClone(effective)).toEqual(effective)
  })
})
