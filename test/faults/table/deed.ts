import type { Fault, Scene } from '../fault.js'

/** Has a message do something to what handles it. `does` is a deed of test/support/handlers/record.mjs. */
const order = async ({ world, dice, note }: Scene, does: string): Promise<void> => {
  const partition = dice.below(world.load.highs.length)
  const { offset } = await world.load.order(partition, does)
  note(`${does} is ${partition}@${offset}`)
}

/** A fault that is done by a handler. */
export const deed = (
  name: string,
  does: string,
  more: Pick<Fault, 'repeats' | 'boundMs'> & Partial<Pick<Fault, 'fits' | 'grip' | 'rebalances'>>,
): Fault => ({
  ...{ name, grip: 'threads', rebalances: false, ...more },
  apply: (scene) => order(scene, does),
})
