import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isOurs, metadataOf, suspicionsIn as suspicionsAt } from '#src/control/commit-metadata.js'
import { NO_SUSPICIONS, type Suspicions } from '#src/control/suspicion.js'
import { ErrorCode } from '#src/errors.js'

const suspicionsIn = (metadata: string, offset = 7n) => suspicionsAt({ metadata, offset })

const message = fc.record({
  offset: fc.bigInt({ min: 0n, max: 10n ** 15n }).map(String),
  deaths: fc.nat(1_000),
  error: fc.record({
    name: fc.string(),
    message: fc.string(),
    code: fc.constantFrom(...Object.values(ErrorCode)),
  }),
  convictedAtMs: fc.option(fc.nat()),
  company: fc.option(fc.nat()),
})

const batch = message.map((held) => ({ ...held, last: `9${held.offset}` }))
const suspicions = fc.record({ message: fc.option(message), batch: fc.option(batch) })

test('what is held against a message and a batch comes to the next holder, but for the texts of errors; it is short', () => {
  fc.assert(
    fc.property(suspicions, (held: Suspicions) => {
      const metadata = metadataOf(held, 7n)
      expect(metadata.length).toBeLessThan(400)
      const learned = suspicionsIn(metadata)
      for (const what of ['message', 'batch'] as const) {
        const { offset, last, deaths, convictedAtMs, error } = held[what] ?? {}
        if (held[what] === null) expect(learned[what]).toBeNull()
        else expect({ last: undefined, ...learned[what] }).toMatchObject({ offset, last, deaths, convictedAtMs })
        expect(learned[what]?.error.code).toBe(error?.code)
        if ((error?.message ?? '').length > 10) expect(metadata).not.toContain(error?.message)
      }
    }),
  )
})

test('when nothing is held against any message nothing is written', () => {
  expect(metadataOf(NO_SUSPICIONS, 7n)).toBe('')
  expect(suspicionsIn('')).toEqual(NO_SUSPICIONS)
})

test('what others have written says nothing, whatever it is', () => {
  const message = { offset: '7', deaths: 1, of: 'KCP_THREAD_EXITED', convictedAtMs: null }
  const ours = (more: object) => JSON.stringify({ kcp: 1, at: '7', message: { ...message, ...more } })
  expect(suspicionsIn(ours({})).message).not.toBeNull()
  const foreign = [
    JSON.stringify({ kcp: 1, at: '7', batch: message }),
    JSON.stringify({ kcp: 1, message }),
    ...['host-7', '{"kcp":2,"message":{}}', '{"kcp":1,', '{"kcp":1,"message":null}', '{"kcp":1,"message":7}'],
    ...[ours({ offset: 7 }), ours({ offset: '-7' }), ours({ offset: '7e3' }), ours({ deaths: -1 })],
    ...[ours({ deaths: 1.5 }), ours({ of: null }), ours({ convictedAtMs: 'now' }), ours({ of: 'x'.repeat(5_000) })],
    ...[ours({ of: 'X'.repeat(65) }), ours({ of: 'KCP\nlevel=info' })],
  ]
  expect(foreign.map((text) => suspicionsIn(text))).toEqual(foreign.map(() => NO_SUSPICIONS))
  expect(isOurs('{"kcp":1,')).toBe(true)
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => suspicionsIn(text).message === null))
  fc.assert(fc.property(fc.json(), (text) => suspicionsIn(`{"kcp":1,"at":"7","message":${text}}`).message === null))
})

test('what was committed with another offset says nothing: somebody has copied it to where other messages are', () => {
  const message = { offset: '9', deaths: 1, error: { name: 'E', message: '', code: 'KCP_THREAD_EXITED' } }
  const metadata = metadataOf({ message: { ...message, convictedAtMs: 5, company: null }, batch: null }, 7n)
  expect(suspicionsIn(metadata).message).toMatchObject({ offset: '9', deaths: 1, convictedAtMs: 5 })
  expect([suspicionsIn(metadata, 6n), suspicionsIn(metadata, 8n)]).toEqual([NO_SUSPICIONS, NO_SUSPICIONS])
})
