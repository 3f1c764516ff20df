import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hexOf, oneLine, shownBytes, textOf } from '#src/cli/dlq/bytes.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('text is shown as text, everything else in hexadecimal', () => {
  expect(shownBytes(bytes('{"größe":1}\n'))).toBe('{"größe":1}\n')
  expect(shownBytes(null)).toBe('null')
  expect(shownBytes(Uint8Array.of())).toBe('(empty)')
  expect(shownBytes(Uint8Array.of(0xff, 0x41, 0))).toBe(`00000000  ff 41 00${' '.repeat(39)}  .A.`)
})

test('what is shown steers no terminal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(60), (any, most) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
      expect(shownBytes(any, most + 1)).not.toMatch(control)
      expect(oneLine(any)).not.toMatch(/\n/)
      expect(oneLine(any)).not.toMatch(control)
    }),
  )
  expect(textOf(bytes('\u001b[2J'))).toBeNull()
})

test('what is long is cut at the end of a character, and the rest is counted', () => {
  expect(shownBytes(bytes('ä'.repeat(10)), 5)).toBe('ää\n… and 16 bytes more (--full shows all)')
  expect(shownBytes(new Uint8Array(40), 16)).toMatch(/^00000000 {2}(00 ){15}00 {2}\.{16}\n… and 24 bytes more/)
})

test('hexadecimal has every byte', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (any) => {
      const hex = hexOf(any)
        .split('\n')
        .map((row) => row.slice(10, 57).trim())
        .join(' ')
      expect(Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)))).toEqual(any)
    }),
  )
})
