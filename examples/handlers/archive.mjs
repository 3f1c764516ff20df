// A handler that keeps something open: `setup` runs in each thread before its first message, `teardown` after its last one
// when the pool stops. Database pools, producers and the like are opened and closed in the same way.
import { open } from 'node:fs/promises'

/** @type {import('node:fs/promises').FileHandle} */
let file

/** @satisfies {import('kafka-consumer-pool').Setup} */
export const setup = async ({ slot, log }) => {
  const path = `archive-${String(slot).padStart(2, '0')}.jsonl`
  file = await open(path, 'a')
  log.info({ path }, 'archive open')
}

/** @satisfies {import('kafka-consumer-pool').Teardown} */
export const teardown = async () => {
  // For neatness only: a thread that dies comes by here no more. What must not be lost is written when the handler returns.
  await file.sync()
  await file.close()
}

/** @satisfies {import('kafka-consumer-pool').Handler} */
const handler = async (message) => {
  await file.appendFile(`${JSON.stringify({ offset: message.offset, value: message.value?.toString() })}\n`)
}

export default handler
