import { burn } from '../support/burn.mjs'
import { Meter } from '../support/meter.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { iterations, meter: shared } = givenByMain()
const meter = new Meter(shared)

/** A fixed amount of CPU work. The bare threads call the very same function. */
export default () => {
  burn(iterations)
  meter.tick()
}
