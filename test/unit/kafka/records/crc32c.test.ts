import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '#src/kafka/records/crc32c.js'
import { kafkajsFile } from '../../../support/kafka/record-encoder.js'

describe('CRC-32C', () => {
  it('is that of kafkajs for any bytes', () => {
    const theirs = kafkajsFile('protocol/recordBatch/crc32C')
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(crc32c(bytes)).toBe(theirs(Buffer.from(bytes)) >>> 0)
      }),
    )
  })
})
