import { onTestFinished } from 'vitest'
import { Slate } from '#src/control/threads/processes/slate.js'

/** A file for notes, closed when the test has finished. */
export const newSlate = (): Slate => {
  const slate = new Slate()
  onTestFinished(() => slate.close())
  return slate
}
