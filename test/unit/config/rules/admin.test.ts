import { expect, test } from 'vitest'
import { resolveConfig } from '#src/config/resolve.js'
import type { ConfigError } from '#src/index.js'

const TOKEN = 'a-token-of-sixteen-characters'

const resolve = (admin: unknown) =>
  resolveConfig({ kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, topics: ['t'], handler: './h.js', admin })

const fault = (admin: unknown): ConfigError => {
  try {
    resolve(admin)
  } catch (error) {
    return error as ConfigError
  }
  throw new Error('it was accepted')
}

const here = { host: '127.0.0.1', port: 9_464, token: null }

test.each([
  [undefined, null],
  [false, null],
  [true, here],
  [{}, here],
  [{ port: 0 }, { ...here, port: 0 }],
  [{ host: '127.1.2.3' }, { ...here, host: '127.1.2.3' }],
  [{ host: '::1' }, { ...here, host: '::1' }],
  [{ host: 'localhost' }, { ...here, host: 'localhost' }],
  [
    { host: '0.0.0.0', token: TOKEN },
    { ...here, host: '0.0.0.0', token: TOKEN },
  ],
])('admin: %j is %j', (admin, expected) => {
  expect(resolve(admin).pool.admin).toEqual(expected)
})

test.each([
  '0.0.0.0',
  '::',
  '10.1.2.3',
  'orders.internal',
  '127.evil.example',
  '::ffff:127.0.0.1',
  '1270.0.0.1',
])('an address that others may reach (%s) takes a token', (host) => {
  expect(fault({ host })).toMatchObject({
    code: 'KCP_CONFIG_INVALID',
    issues: [{ path: 'admin.host', message: expect.stringMatching(new RegExp(`^"${host}" .* Add admin\\.token`)) }],
  })
})

test.each([
  [{ port: 65_536 }, 'admin.port'],
  [{ port: -1 }, 'admin.port'],
  [{ port: '9464' }, 'admin.port'],
  [{ host: '' }, 'admin.host'],
  [{ host: '127.0.0.1:9464' }, undefined],
  [{ host: 'http://localhost' }, 'admin.host'],
  [{ prot: 1 }, 'admin.prot'],
  [{ enabled: true }, 'admin.enabled'],
  ['on', 'admin'],
])('admin: %j is refused at %s', (admin, path) => {
  expect(fault(admin).issues.map((issue) => issue.path)).toContain(path ?? 'admin.host')
})

test.each([
  '',
  'short',
  `${TOKEN} with spaces`,
  `${TOKEN}\n`,
  `${TOKEN}ü`,
  'x'.repeat(2_000),
])('a token that is none (%j) is refused, and not shown', (token) => {
  const { issues, message } = fault({ host: '0.0.0.0', token })
  expect(issues).toHaveLength(1)
  expect(issues[0]).toMatchObject({ path: 'admin.token', message: expect.stringContaining('got [hidden]') })
  if (token.length > 5) expect(message).not.toContain(token.trim())
})
