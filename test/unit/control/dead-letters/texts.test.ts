import fc from 'fast-check'
import { expect, test } from 'vitest'
import { errorTexts, utf8 } from '#src/control/dead-letters/texts.js'

const decoded = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
const wellFormed = fc.string({ unit: 'grapheme', maxLength: 200 })

test('a text is cut at the end of a character, as far behind as fits', () => {
  fc.assert(
    fc.property(wellFormed, fc.nat(400), (text, most) => {
      const cut = decoded(utf8(text, most))
      expect(text.startsWith(cut)).toBe(true)
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(most)
      const [next] = text.slice(cut.length)
      const character = next === undefined ? '' : String.fromCodePoint(text.codePointAt(cut.length) ?? 0)
      if (cut !== text) expect(Buffer.byteLength(cut + character)).toBeGreaterThan(most)
    }),
  )
})

test('whatever a text is, what is written of it is UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, most) => {
      expect(() => decoded(utf8(text, most))).not.toThrow()
    }),
  )
  expect(decoded(utf8('a\ud800b'))).toBe('a\ufffdb')
})

test('the texts of an error have a limit in all, and each a share of it', () => {
  fc.assert(
    fc.property(wellFormed, wellFormed, wellFormed, fc.nat(300), (name, message, stack, most) => {
      const texts = errorTexts({ class: name, message, stack }, most)
      const total = texts.class.length + texts.message.length + texts.stack.length
      expect(total).toBeLessThanOrEqual(most)
      expect(texts.class.length).toBeLessThanOrEqual(most / 10)
      expect(texts.message.length).toBeLessThanOrEqual(most / 2)
      expect(stack.startsWith(decoded(texts.stack))).toBe(true)
    }),
  )
  const long = 'x'.repeat(20_000)
  const lengths = Object.values(errorTexts({ class: 'Error', message: long, stack: long }, 8_192)).map((t) => t.length)
  expect(lengths).toEqual([5, 4_096, 4_091])
})
