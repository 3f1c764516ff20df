import { InvalidArgumentError } from 'commander'
import { expect, test } from 'vitest'
import { adminFlag } from '#src/cli/admin-flag.js'

test.each([
  ['9464', { host: null, port: 9_464 }],
  ['0', { host: null, port: 0 }],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['localhost:1', { host: 'localhost', port: 1 }],
  ['[::1]:9464', { host: '::1', port: 9_464 }],
])('--admin %s is %j', (value, expected) => {
  expect(adminFlag(value)).toEqual(expected)
})

test.each([
  '',
  'localhost',
  ':9464',
  '::1:9464',
  '[::1]',
  '127.0.0.1:',
  'a:b',
  'http://a:1',
  '1e3',
  '-1',
  '123456',
])('--admin %j is refused', (value) => expect(() => adminFlag(value)).toThrow(InvalidArgumentError))
