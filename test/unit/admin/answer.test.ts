import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toJson } from '#src/admin/answer.js'
import { maskSecrets } from '#src/config/mask-secrets.js'

test('what is shown is masked as everything else is', () => {
  const signs = [
    'password=a1',
    'token = "a b"',
    'x://u:p@h',
    '-----BEGIN PRIVATE KEY-----\nMII',
    ' ',
    'plain',
    '=',
    '@',
  ]
  const text = fc.array(fc.constantFrom(...signs)).map((parts) => parts.join(''))
  const name = fc.constantFrom('message', 'password', 'sasl.password', 'ssl.passphrase', 'topic', 'clientSecret')
  const values = fc.dictionary(name, fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text)))
  fc.assert(
    fc.property(fc.array(values), (value) => {
      expect(JSON.parse(toJson(value))).toEqual(maskSecrets(value))
    }),
  )
  expect(toJson({ password: 'a1' })).toBe('{"password":"[hidden]"}')
})

test('errors are plain data, however deep they stand', () => {
  const error = new TypeError('outer', { cause: new Error('inner') })
  expect(JSON.parse(toJson({ a: [{ error }] }))).toMatchObject({
    a: [{ error: { name: 'TypeError', message: 'outer', cause: { message: 'inner' } } }],
  })
})
