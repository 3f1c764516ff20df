import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isOurs, metadataOf, suspicionIn } from '#src/control/commit-metadata.js'
import type { Suspicion } from '#src/control/suspicion.js'
import { ErrorCode } from '#src/errors.js'

const suspicion = fc.record({
  offset: fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String),
  deaths: fc.nat(1_000),
  error: fc.record({
    name: fc.string(),
    message: fc.string(),
    code: fc.constantFrom(...Object.values(ErrorCode)),
  }),
  convictedAtMs: fc.option(fc.nat()),
  company: fc.option(fc.nat()),
})

test('what is held against a message comes to the next holder, but for the texts of errors; it is short', () => {
  fc.assert(
    fc.property(suspicion, (held: Suspicion) => {
      const metadata = metadataOf(held)
      expect(isOurs(metadata)).toBe(true)
      expect(metadata.length).toBeLessThan(200)
      const { offset, deaths, convictedAtMs, error } = held
      expect(suspicionIn(metadata)).toMatchObject({ offset, deaths, convictedAtMs, error: { code: error.code } })
      if (error.message.length > 10) expect(metadata).not.toContain(error.message)
    }),
  )
})

test('when nothing is held against any message nothing is written', () => {
  expect(metadataOf(null)).toBe('')
  expect(suspicionIn('')).toBeNull()
})

test('what others have written says nothing, whatever it is', () => {
  const message = { offset: '7', deaths: 1, of: 'KCP_THREAD_EXITED', convictedAtMs: null }
  const ours = (more: object) => JSON.stringify({ kcp: 1, message: { ...message, ...more } })
  expect(suspicionIn(ours({}))).not.toBeNull()
  const foreign = [
    ...['host-7', '{"kcp":2,"message":{}}', '{"kcp":1,', '{"kcp":1,"message":null}', '{"kcp":1,"message":7}'],
    ...[ours({ offset: 7 }), ours({ offset: '-7' }), ours({ offset: '7e3' }), ours({ deaths: -1 })],
    ...[ours({ deaths: 1.5 }), ours({ of: null }), ours({ convictedAtMs: 'now' }), ours({ of: 'x'.repeat(5_000) })],
  ]
  expect(foreign.map(suspicionIn)).toEqual(foreign.map(() => null))
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => suspicionIn(text) === null))
  fc.assert(fc.property(fc.json(), (text) => suspicionIn(`{"kcp":1,"message":${text}}`) === null))
})
