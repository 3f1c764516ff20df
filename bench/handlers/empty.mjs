import { Meter } from '../support/meter.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const given = givenByMain()
const meter = given === undefined ? undefined : new Meter(given.meter)
const CALLS = 100
let calls = 0
let bytes = 0

/** Nothing, and counting: once in a hundred calls in shared memory. */
export default () => {
  if (++calls % CALLS === 0) meter?.add(CALLS)
}

/** Reads the message, so that a decoder that works on access has to work. */
export const touching = ({ key, value, timestamp, offset }) => {
  bytes += (key?.length ?? 0) + (value?.length ?? 0) + timestamp.length + offset.length
  if (++calls % CALLS === 0) meter?.add(CALLS)
}

export const bytesRead = () => bytes
