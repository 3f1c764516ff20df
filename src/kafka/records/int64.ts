/**
 * An int64 as a number. Offsets are numbers here because bigint costs too much per message.
 *
 * @throws RangeError above 2^53, where a number is not exact any more
 */
export const readInt64 = (bytes: Buffer, at: number): number => {
  const value = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${bytes.readBigInt64BE(at)} is beyond 2^53; offsets that large are not supported`)
  }
  return value
}
