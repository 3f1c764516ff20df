import { burn } from '../support/burn.mjs'
import { Meter } from '../support/meter.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { iterations, meter: shared, keeps } = givenByMain()
const meter = new Meter(shared)
const kept = []

/** 1 MiB of memory: one array in the heap, many small objects there, or one Buffer outside of it. */
const made = {
  arrays: () => new Array(131_072).fill(0.5),
  objects: () => Array.from({ length: 16_384 }, (_, index) => ({ index, half: index / 2 })),
  buffers: () => Buffer.alloc(2 ** 20, 1),
}

/** A fixed amount of CPU work, and memory that is kept, or let go (`keeps` begins with "no"). */
export default () => {
  burn(iterations)
  const memory = made[keeps.replace('no ', '')]()
  if (!keeps.startsWith('no ')) kept.push(memory)
  meter.tick()
}
