import { burn } from '../support/burn.mjs'

const iterations = Number(new URL(import.meta.url).searchParams.get('iterations') ?? 0)

/** A fixed amount of CPU work, and nothing that needs the memory of the main thread: burn.mjs?iterations=1000. */
export default () => {
  if (iterations > 0) burn(iterations)
}
