import type { PoolStatus } from '#src/index.js'
import type { Dice } from '../support/control/dice.js'
import type { Setting } from './settings.js'
import type { Member } from './world/member.js'
import type { World } from './world/world.js'

/**
 * What may be handled again because of a fault, from the least to the most:
 * `nothing`; what was in flight in a thread that died, as its `slot:crashed` event lists it; or what was not committed,
 * because a process died or its membership was lost.
 */
export const REPEATS = ['nothing', 'in flight', 'uncommitted'] as const
export type Repeats = (typeof REPEATS)[number]

/** What a fault takes hold of. Two at the same time must not take hold of the same. */
export type Grip = 'threads' | 'process' | 'module' | 'network' | 'brokers'

/** What a fault has to do with. */
export interface Scene {
  readonly world: World
  readonly dice: Dice
  /** A member that is up, and that no other fault of now has. */
  readonly take: () => Member
  /** Mends when everything works again what shall stay broken until then, such as a dead node. */
  readonly mendLater: (mend: () => Promise<void>) => void
  /** One more line for the history. */
  readonly note: (text: string) => void
}

export interface Fault {
  /** As the history and `--only` have it. */
  readonly name: string
  readonly grip: Grip
  /** Whether it can be in a setting. @default in all */
  readonly fits?: (setting: Setting) => boolean
  readonly repeats: Repeats
  /** False when the group must not notice. */
  readonly rebalances: boolean
  /** Until all partitions move again and all pools are well, from when `apply` has resolved. */
  readonly boundMs: number
  /** Resolves when the fault is over, and what it has stopped is started again. */
  readonly apply: (scene: Scene) => Promise<void>
}

/** A slot of a member, and one of its partitions. */
export interface Place {
  readonly slot: number
  readonly partition: number
}

/** For each slot that has partitions one of them. */
export const places = ({ slots }: PoolStatus, dice: Dice): Place[] =>
  slots.flatMap(({ slot, assignment }) => {
    const partition = dice.one(assignment)?.partition
    return partition === undefined ? [] : [{ slot, partition }]
  })
