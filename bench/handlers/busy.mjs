import { setTimeout as sleep } from 'node:timers/promises'
import { openRecorder } from '#scripts/support/recorder.js'
import { givenByMain } from '../support/thread-data.mjs'

const { recordDir, busyMs } = givenByMain()
const recorder = openRecorder(recordDir)

/** Keeps each message for as long as it is told to, and the thread free. */
export default async (message, context) => {
  const id = recorder.start(message, context)
  await sleep(busyMs)
  recorder.end(id)
}
