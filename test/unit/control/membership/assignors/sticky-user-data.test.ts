import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generationIn, isDrainingIn, stickyUserData } from '#src/control/membership/assignors/sticky-user-data.js'

const at = (generation: number, isDraining = false) => ({ generation, isDraining })
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('the user data of a cooperative-sticky subscription', () => {
  test.each([
    ['Java, in no generation yet', 'ffffffff', -1],
    ['Java', '00000007', 7],
    ['librdkafka, with what it owns', '00000001 0001 61 00000002 00000000 00000003 00000009', 9],
    ['librdkafka, owning nothing', '00000000 00000009', 9],
    ['librdkafka without a generation', '00000001 0001 61 00000001 00000000', -1],
    ['none at all', '', -1],
    ['garbage', 'cafe', -1],
    ['more than that', '00000000 00000009 00', -1],
  ])('is read for its generation: %s', (_, hex, generation) => {
    expect(generationIn(bytes(hex))).toBe(generation)
  })

  test('that is absent names no generation', () => {
    expect(generationIn(null)).toBe(-1)
  })

  test('of any kind is read without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (garbage) => {
        expect(Number.isInteger(generationIn(Buffer.from(garbage)))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('is what Java writes, so that a Java leader that reads version 1 knows how old a claim is', () => {
    expect(stickyUserData(at(7), 0)).toEqual(bytes('00000007'))
    expect(stickyUserData(at(-1), 0)).toEqual(bytes('ffffffff'))
  })

  test('has other bytes after each change of the serial, and Java reads the same generation in front', () => {
    expect(stickyUserData(at(7), 1)).toEqual(bytes('00000007 00000001'))
    expect(stickyUserData(at(7), 2)).not.toEqual(stickyUserData(at(7), 1))
  })

  test('says whether its member is draining, where Java reads no further', () => {
    const draining = stickyUserData(at(7, true), 1)
    expect(draining.subarray(0, 8)).toEqual(stickyUserData(at(7), 1))
    expect(isDrainingIn(draining)).toBe(true)
    for (const other of [null, stickyUserData(at(7), 0), stickyUserData(at(7), 1), bytes('00000007 00000001 00000001')])
      expect(isDrainingIn(other)).toBe(false)
  })
})
