import { Dice } from '../support/control/dice.js'
import type { Fault } from './fault.js'

/** What is done in one episode. The second fault, if there is one, follows the first after a while. */
export interface Act {
  readonly faults: readonly [Fault] | readonly [Fault, Fault]
  /** Of the second fault, in ms. */
  readonly afterMs: number
  /** Of the choices that the faults themselves make. */
  readonly seed: number
}

/** The acts of one cluster. */
export interface Round {
  readonly nodes: 1 | 3
  readonly acts: readonly Act[]
}

/** In a long run, how many of the acts are two faults at a time; and how many acts a cluster sees. */
const PAIRS = 0.4
const ACTS_PER_ROUND = 40
const LONGEST_GAP_MS = 4_000

const shuffled = <T>(items: readonly T[], dice: Dice): T[] => {
  const left = [...items]
  return Array.from({ length: left.length }, () => left.splice(dice.below(left.length), 1)).flat()
}

const newSeed = (dice: Dice): number => dice.below(2 ** 31)
const fits = (fault: Fault, nodes: 1 | 3): boolean => fault.nodes === undefined || fault.nodes === nodes
const alone = (fault: Fault, dice: Dice): Act => ({ faults: [fault], afterMs: 0, seed: newSeed(dice) })

/** Every fault once, on the smallest cluster that it takes. */
export const shortRun = (faults: readonly Fault[], seed: number): Round[] => {
  const dice = new Dice(seed)
  const rounds = ([1, 3] as const).map((nodes): Round => {
    const own = faults.filter((fault) => (fault.nodes ?? 1) === nodes)
    return { nodes, acts: shuffled(own, dice).map((fault) => alone(fault, dice)) }
  })
  return rounds.filter(({ acts }) => acts.length > 0)
}

/**
 * One round after the other, without an end: two with one node, then one with three. Each begins a new shuffled deck of all
 * faults that its cluster allows; some come in pairs, of faults that do not take hold of the same.
 */
export const longRun = function* (faults: readonly Fault[], seed: number): Generator<Round, never> {
  const dice = new Dice(seed)
  for (let n = 1; ; n++) {
    const nodes = n % 3 === 0 ? 3 : 1
    const able = faults.filter((fault) => fits(fault, nodes))
    if (able.length === 0) continue
    const deck = Array.from({ length: Math.ceil(ACTS_PER_ROUND / able.length) }, () => shuffled(able, dice)).flat()
    const acts = deck.slice(0, ACTS_PER_ROUND).map((fault): Act => {
      const other = dice.chance(PAIRS) ? dice.one(able.filter(({ grip }) => grip !== fault.grip)) : undefined
      if (other === undefined) return alone(fault, dice)
      return { faults: [fault, other], afterMs: dice.below(LONGEST_GAP_MS), seed: newSeed(dice) }
    })
    yield { nodes, acts }
  }
}
