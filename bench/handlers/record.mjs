import { openRecorder } from '#scripts/support/recorder.js'
import { burn } from '../support/burn.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { recordDir, iterations } = givenByMain()
const recorder = openRecorder(recordDir)

/** Works, and records it. */
export default (message, context) => {
  const id = recorder.start(message, context)
  burn(iterations)
  recorder.end(id)
}
