import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NOTE_BEGIN, NOTE_BYTES, Note } from '#src/protocol/note.js'

test('a note that nobody has written is not whole', () => {
  expect(new Note().isWhole).toBe(false)
})

test('a note of which any part is of another write is not whole', () => {
  const words = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 14, maxLength: 14 })
  const cut = fc.integer({ min: 1, max: NOTE_BYTES - 1 })
  fc.assert(
    fc.property(words, words, cut, (before, after, bytes) => {
      const note = new Note()
      note.words.set(before, NOTE_BEGIN)
      note.seal()
      const old = note.bytes.slice()
      note.words.set(after, NOTE_BEGIN)
      note.seal()
      expect(note.isWhole).toBe(true)
      const mixed = new Note()
      mixed.bytes.set(note.bytes.subarray(0, bytes))
      mixed.bytes.set(old.subarray(bytes), bytes)
      const isOneOfThem = [old, note.bytes].some((whole) => mixed.bytes.every((byte, at) => byte === whole[at]))
      expect(mixed.isWhole).toBe(isOneOfThem)
    }),
    { numRuns: 2_000 },
  )
})

test('the version is another one with each write, and never that of a note that nobody has written', () => {
  const note = new Note()
  note.words[0] = -2
  note.seal()
  expect(note.version).toBe(-1)
  note.seal()
  expect(note).toMatchObject({ version: 1, isWhole: true })
})
