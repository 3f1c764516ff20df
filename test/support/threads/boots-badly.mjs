// A thread entry whose import goes wrong for the first threads. `workerData.handlers`: [how, how many, counter file].
import { appendFileSync, statSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import actor from './actor.mjs'

const [how, times, counter] = workerData.handlers
appendFileSync(counter, '.')

if (statSync(counter).size <= Number(times)) {
  if (how === 'exits') process.exit(3)
  if (how === 'throws') throw new Error('cannot load')
  if (how === 'hangs') await new Promise((resolve) => setTimeout(resolve, 3_600_000))
  if (how === 'blocks') for (;;);
  if (how === 'slowly') {
    await new Promise((resolve) => setTimeout(resolve, 100))
    appendFileSync(counter, ',')
  }
  if (how === 'diesLater')
    setTimeout(() => {
      throw new Error('lost connection')
    }, 5)
}

export default actor
