import { readPartitions } from './subscription.js'
import { WireReader, WireWriter } from './wire.js'

/*
 * What members of a cooperative-sticky group put into the user data of their subscription: the generation in which they
 * got what they own, for leaders that read no newer subscription than version 1 (Java before 3.5).
 */

/** "kcpd", which nobody else's third word is likely to be. */
const DRAINING = 0x6b637064

/**
 * As Java writes it; behind that, where Java reads no further, what makes the bytes other ones, and what only our leaders read.
 *
 * @param member generation -1 for none; draining: see `MemberSubscription`
 * @param serial see `joinRequest`; 0 adds nothing
 */
export const stickyUserData = (
  { generation, isDraining }: { readonly generation: number; readonly isDraining: boolean },
  serial: number,
): Buffer => {
  const writer = new WireWriter().int32(generation)
  if (isDraining) return writer.int32(serial).int32(DRAINING).finish()
  return (serial === 0 ? writer : writer.int32(serial)).finish()
}

/** Whether one of our seats has written there that it is draining. */
export const isDrainingIn = (userData: Buffer | null): boolean =>
  userData?.length === 12 && userData.readInt32BE(8) === DRAINING

/**
 * The generation in the user data of a subscription that has no field for it: Java writes it alone, librdkafka behind the
 * partitions (Java: `StickyAssignor`, version 1). Anything else says nothing.
 *
 * @returns -1 for none
 */
export const generationIn = (userData: Buffer | null): number => {
  if (userData === null) return -1
  if (userData.length === 4) return userData.readInt32BE(0)
  try {
    const reader = new WireReader(userData)
    readPartitions(reader)
    return reader.left === 4 ? reader.int32() : -1
  } catch (error) {
    if (error instanceof RangeError) return -1
    throw error
  }
}
