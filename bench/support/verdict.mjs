import { checkHistory } from '#scripts/support/checker.js'
import { withAdmin } from '#scripts/support/kafka-client.js'
import { readRecord } from '#scripts/support/recorder.js'
import { rangesOf } from '#scripts/support/topics.js'

/** How many handlings there were beside the first of each message. */
const more = (findings) => findings.reduce((sum, { handlings }) => sum + handlings.length - 1, 0)

/**
 * Compares what the handlers recorded with what the topic holds.
 *
 * @returns lost: never handled to the end; repeated: begun more than once (so also a message that was in flight at a
 *   crash and rightly came again); finishedTwice: handled to the end more than once
 */
export const judge = async ({ brokers }, topic, dir) => {
  const produced = await withAdmin({ clientId: 'bench', brokers }, (admin) => rangesOf(admin, topic))
  const record = readRecord(dir)
  const { lost, repeated, startedTwice } = checkHistory({ produced, record })
  return { record, lost: lost.length, repeated: more(startedTwice), finishedTwice: more(repeated) }
}
