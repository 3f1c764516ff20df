/*
 * CRC-32C (Castagnoli), eight bytes a step ("slicing by 8"): close to 2 GB/s, a tenth of a microsecond for a message of
 * 200 bytes, which is why every batch is checked, as Java's client does by default (check.crcs).
 */
const POLYNOMIAL = 0x82f63b78

const firstTable = (): Int32Array =>
  Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    return crc
  })

const look = (table: Int32Array, index: number): number => table[index & 0xff] as number

/** `next(t)[i]` is the checksum of byte `i` followed by one zero byte more than in `t`. */
const next = (table: Int32Array): Int32Array => table.map((crc) => (crc >>> 8) ^ look(t0, crc))

const t0 = firstTable()
const t1 = next(t0)
const t2 = next(t1)
const t3 = next(t2)
const t4 = next(t3)
const t5 = next(t4)
const t6 = next(t5)
const t7 = next(t6)

/** The CRC-32C of `bytes`, unsigned. */
export const crc32c = (bytes: Uint8Array): number => {
  const byte = (at: number): number => bytes[at] as number
  const { length } = bytes
  let crc = -1
  let at = 0
  for (const end = length - 7; at < end; at += 8) {
    const x = crc ^ (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24))
    const high = look(t7, x) ^ look(t6, x >>> 8) ^ look(t5, x >>> 16) ^ look(t4, x >>> 24)
    crc = high ^ look(t3, byte(at + 4)) ^ look(t2, byte(at + 5)) ^ look(t1, byte(at + 6)) ^ look(t0, byte(at + 7))
  }
  for (; at < length; at++) crc = look(t0, crc ^ byte(at)) ^ (crc >>> 8)
  return ~crc >>> 0
}
