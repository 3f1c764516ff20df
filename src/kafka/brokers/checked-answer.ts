/**
 * An answer as kafkajs's decoder can be trusted with it. That one believes every length: one that is too large gives
 * fewer bytes, and a negative one leads back, so that an array whose elements take no room is read until the memory is
 * used up. It takes strings and bytes with `slice`; this `slice` throws then. Everything that is read leads on, so an
 * array ends with the answer at the latest, whatever count was announced.
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
