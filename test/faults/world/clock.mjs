// The wall clock of a process and of its threads, which the fault harness puts forward and back.
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'

const KEY = 'faults/clock'
const RealDate = Date

/** By how many ms it is wrong, for all threads. Main's module is loaded first, and each thread is born with its buffer. */
const buffer = isMainThread ? new SharedArrayBuffer(8) : getEnvironmentData(KEY)
if (isMainThread) setEnvironmentData(KEY, buffer)

/** Null in a process whose main thread has no such clock. */
const wrongBy = buffer === undefined ? null : new BigInt64Array(buffer)

const now = () => RealDate.now() + Number(Atomics.load(wrongBy, 0))

if (wrongBy !== null) {
  globalThis.Date = class extends RealDate {
    static now() {
      return now()
    }

    constructor(...given) {
      if (given.length === 0) super(now())
      else super(...given)
    }
  }
}

export const putClock = (ms) => {
  Atomics.store(wrongBy, 0, BigInt(ms))
}
