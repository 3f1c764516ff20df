import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readInt64 } from '#src/kafka/records/int64.js'

describe('an int64', () => {
  it('is read exactly up to 2^53, and refused beyond', () => {
    const bytes = Buffer.alloc(8)
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        bytes.writeBigInt64BE(value)
        if (Number.isSafeInteger(Number(value))) expect(readInt64(bytes, 0)).toBe(Number(value))
        else expect(() => readInt64(bytes, 0)).toThrow(String(value))
      }),
    )
  })
})
