/**
 * An answer as kafkajs's decoder can be trusted with it, as long as that has no arrays. It believes every length: one that
 * is too large gives fewer bytes, and a negative one leads back. It takes strings and bytes with `slice`; this `slice`
 * throws then.
 */
export const checkedAnswer = (answer: Buffer): Buffer => {
  const slice = (start: number, end: number = answer.length): Buffer => {
    if (end < start || end > answer.length) {
      throw new RangeError(`the answer of ${answer.length} bytes has a field from byte ${start} to ${end}`)
    }
    return answer.subarray(start, end)
  }
  return Object.defineProperty(answer.subarray(), 'slice', { value: slice })
}
