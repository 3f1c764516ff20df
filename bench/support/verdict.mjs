import { readRecord } from '../../test/support/recorder.mjs'

const key = ({ partition, offset }) => `${partition}/${offset}`

/**
 * Compares what the handlers recorded with what the topic held.
 *
 * @returns lost: never handled to the end; repeated: begun more than once (so also a message that was in flight at a
 *   crash and rightly came again); finishedTwice: handled to the end more than once
 */
export const judge = (dir, messages) => {
  const record = readRecord(dir)
  const begun = new Set()
  const finished = new Set()
  let repeated = 0
  let finishedTwice = 0
  for (const handling of record) {
    const message = key(handling)
    if (begun.has(message)) repeated += 1
    begun.add(message)
    if (handling.outcome !== 'finished') continue
    if (finished.has(message)) finishedTwice += 1
    finished.add(message)
  }
  return { record, lost: messages - finished.size, repeated, finishedTwice }
}
