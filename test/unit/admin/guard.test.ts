import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judge, type RequestHead } from '#src/admin/guard.js'

const TOKEN = 'a-token-of-sixteen-characters'

const head = (more: Partial<RequestHead> = {}): RequestHead => ({
  ...{ method: 'GET', host: '127.0.0.1:9464', origin: undefined, fetchSite: undefined },
  ...{ contentType: undefined, authorization: undefined },
  ...more,
})

const open = { host: '127.0.0.1', token: null }
const closed = { host: '0.0.0.0', token: TOKEN }

const statusOf = (more: Partial<RequestHead>, policy: { host: string; token: string | null } = open, isProbe = false) =>
  judge(head(more), policy, isProbe).refused?.status ?? 'allowed'

describe('a token', () => {
  test('is not needed where none is configured', () => {
    expect(judge(head(), open, false)).toEqual({ refused: null, isTrusted: true })
  })

  test.each([
    [undefined, 401],
    ['', 401],
    ['Bearer', 401],
    ['Bearer ', 401],
    [`Basic ${TOKEN}`, 401],
    [TOKEN, 401],
    [`Bearer ${TOKEN.slice(1)}`, 401],
    [`Bearer ${TOKEN}x`, 401],
    [`Bearer ${TOKEN} x`, 401],
    [`Bearer ${TOKEN.toUpperCase()}`, 401],
    [`Bearer ${TOKEN}`, 'allowed'],
    [`bearer  ${TOKEN}`, 'allowed'],
  ])('brought as %s: %s', (authorization, expected) => {
    expect(statusOf({ authorization }, closed)).toBe(expected)
  })

  test('no other one will do', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(statusOf({ authorization: `Bearer ${text}` }, closed)).toBe(text.trim() === TOKEN ? 'allowed' : 401)
      }),
    )
  })

  test('is not asked of probes, which hear less without it; a wrong one is refused there, too', () => {
    expect(judge(head(), closed, true)).toEqual({ refused: null, isTrusted: false })
    expect(judge(head({ authorization: `Bearer ${TOKEN}` }), closed, true)).toEqual({ refused: null, isTrusted: true })
    expect(statusOf({ authorization: 'Bearer wrong' }, closed, true)).toBe(401)
  })

  test('is in no answer', () => {
    for (const authorization of [undefined, 'Bearer other']) {
      expect(JSON.stringify(judge(head({ authorization }), closed, false))).not.toContain(TOKEN)
    }
  })
})

describe('Host', () => {
  test.each([
    ['127.0.0.1:9464', 'allowed'],
    ['127.0.0.1', 'allowed'],
    ['10.1.2.3:80', 'allowed'],
    ['[::1]:9464', 'allowed'],
    ['localhost:9464', 'allowed'],
    ['LOCALHOST', 'allowed'],
    ['evil.example:9464', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
    ['localhost@evil.example', 403],
    ['evil.example/127.0.0.1', 403],
    ['[evil]', 403],
    ['', 403],
    [undefined, 403],
  ])('%s: %s', (host, expected) => {
    expect(statusOf({ host })).toBe(expected)
  })

  test('may be the name that is configured', () => {
    expect(statusOf({ host: 'Pool.internal:9464' }, { host: 'pool.internal', token: null })).toBe('allowed')
  })

  test('may be any name for who has the token: a page that has rebound its own name has not', () => {
    expect(statusOf({ host: 'orders.svc', authorization: `Bearer ${TOKEN}` }, closed)).toBe('allowed')
    expect(statusOf({ host: 'orders.svc' }, closed, true)).toBe(403)
  })
})

describe('pages of other origins', () => {
  test.each([
    [{ origin: 'http://127.0.0.1:9464' }, 'allowed'],
    [{ origin: 'http://127.0.0.1:3000' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: '' }, 403],
    [{ origin: 'http://127.0.0.1:9464, http://evil.example' }, 403],
    [{ fetchSite: 'same-origin' }, 'allowed'],
    [{ fetchSite: 'none' }, 'allowed'],
    [{ fetchSite: 'same-site' }, 403],
    [{ fetchSite: 'cross-site' }, 403],
  ] as const)('%j: %s', (more, expected) => {
    expect(statusOf(more)).toBe(expected)
  })

  test('are refused with the token, too', () => {
    const authorization = `Bearer ${TOKEN}`
    expect(statusOf({ authorization, origin: 'https://evil.example' }, closed)).toBe(403)
  })
})

describe('an order has to be JSON, which no form of a page can send', () => {
  test.each([
    ['application/json', 'allowed'],
    ['Application/JSON; charset=utf-8', 'allowed'],
    ['application/json; charset="utf-8"', 'allowed'],
    ['application/json; charset=latin1', 415],
    ['text/plain', 415],
    ['text/plain; application/json', 415],
    ['application/x-www-form-urlencoded', 415],
    [undefined, 415],
  ])('%s: %s', (contentType, expected) => {
    expect(statusOf({ method: 'POST', contentType })).toBe(expected)
  })
})
