import { CompressionCodecs, CompressionTypes } from 'kafkajs'
import { onTestFinished } from 'vitest'

/** Bytes that {@link snappyCompress} puts in front. */
const HEAD = 6

/** Snappy without compression: the length, then one literal. Brokers check that it can be read. */
const snappyCompress = (plain: Buffer): Buffer => {
  const { length } = plain
  const preamble = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
  return Buffer.concat([Buffer.from([...preamble, 61 << 2, (length - 1) & 0xff, (length - 1) >> 8]), plain])
}

/** Lets the producers of this test write snappy. */
export const writeSnappy = (): void => {
  const codecs = CompressionCodecs as Record<number, unknown>
  const before = codecs[CompressionTypes.Snappy]
  codecs[CompressionTypes.Snappy] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => snappyCompress(buffer),
  })
  onTestFinished(() => {
    codecs[CompressionTypes.Snappy] = before
  })
}

/** A module for option `codecs.snappy` that reads what those producers write. */
export const SNAPPY_MODULE = `data:text/javascript,${encodeURIComponent(
  `export default () => ({ decompress: async (buffer) => buffer.subarray(${HEAD}) })`,
)}`
