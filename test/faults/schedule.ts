import { Dice } from '../support/control/dice.js'
import type { Fault } from './fault.js'
import { SETTINGS, type Setting } from './settings.js'

/** What is done in one episode. The second fault, if there is one, follows the first after a while. */
export interface Act {
  readonly faults: readonly [Fault] | readonly [Fault, Fault]
  /** Of the second fault, in ms. */
  readonly afterMs: number
  /** Of the choices that the faults themselves make. */
  readonly seed: number
}

/** The acts of one cluster and its pools. */
export interface Round {
  readonly setting: Setting
  readonly acts: readonly Act[]
}

/** In a long run, how many of the acts are two faults at a time; and how many acts a cluster sees, unless it can have more faults. */
const PAIRS = 0.4
const ACTS_PER_ROUND = 40
const LONGEST_GAP_MS = 4_000

const shuffled = <T>(items: readonly T[], dice: Dice): T[] => {
  const left = [...items]
  return Array.from({ length: left.length }, () => left.splice(dice.below(left.length), 1)).flat()
}

const newSeed = (dice: Dice): number => dice.below(2 ** 31)
const fits = (fault: Fault, setting: Setting): boolean => fault.fits?.(setting) ?? true
const alone = (fault: Fault, dice: Dice): Act => ({ faults: [fault], afterMs: 0, seed: newSeed(dice) })

/** Every fault once, in the first setting that it fits, and a few in a later one, too. */
export const shortRun = (faults: readonly Fault[], seed: number): Round[] => {
  const dice = new Dice(seed)
  const rounds = SETTINGS.map((setting): Round => {
    const able = faults.filter((fault) => fits(fault, setting))
    const own = able.filter((fault) => SETTINGS.find((each) => fits(fault, each)) === setting)
    const others = able.filter((fault) => !own.includes(fault))
    const again = own.length === 0 ? [] : shuffled(others, dice).slice(0, setting.again)
    return { setting, acts: shuffled([...own, ...again], dice).map((fault) => alone(fault, dice)) }
  })
  return rounds.filter(({ acts }) => acts.length > 0)
}

/**
 * One round after the other, without an end, in one setting after the other. Each begins a new shuffled deck of all faults that
 * fit its setting; some come in pairs, of faults that do not take hold of the same.
 */
export const longRun = function* (faults: readonly Fault[], seed: number): Generator<Round, never> {
  const dice = new Dice(seed)
  const cycle = SETTINGS.flatMap((setting) => Array.from({ length: setting.rounds }, () => setting))
  for (let n = 0; ; n = (n + 1) % cycle.length) {
    const setting = cycle[n] as Setting
    const able = faults.filter((fault) => fits(fault, setting))
    if (able.length === 0) continue
    const deck = Array.from({ length: Math.ceil(ACTS_PER_ROUND / able.length) }, () => shuffled(able, dice)).flat()
    const acts = deck.slice(0, Math.max(ACTS_PER_ROUND, able.length)).map((fault): Act => {
      const other = dice.chance(PAIRS) ? dice.one(able.filter(({ grip }) => grip !== fault.grip)) : undefined
      if (other === undefined) return alone(fault, dice)
      return { faults: [fault, other], afterMs: dice.below(LONGEST_GAP_MS), seed: newSeed(dice) }
    })
    yield { setting, acts }
  }
}
