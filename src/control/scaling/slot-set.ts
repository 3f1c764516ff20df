import { measure, type PoolMeasures, Tallies } from '../measures.js'
import type { Slot } from '../slot.js'
import type { PoolTotals, SlotStatus } from '../status.js'

/** What is counted over all slots that there ever were. */
export type SlotCounts = Pick<
  PoolTotals,
  'finished' | 'failed' | 'retried' | 'deadLettered' | 'dropped' | 'restarts' | 'recycles'
>

const NONE: SlotCounts = {
  ...{ finished: 0, failed: 0, retried: 0, deadLettered: 0, dropped: 0 },
  ...{ restarts: 0, recycles: 0 },
}

const NAMES = Object.keys(NONE) as (keyof SlotCounts)[]

const plus = (sum: SlotCounts, slot: SlotCounts): SlotCounts =>
  Object.fromEntries(NAMES.map((name) => [name, sum[name] + slot[name]])) as unknown as SlotCounts

/** What the slots have counted, on top of what those have that are gone. */
export const countsOf = (gone: SlotCounts, slots: readonly SlotStatus[]): SlotCounts => slots.reduce(plus, gone)

/** Which of a subscription's slots, in the order of their numbers, go when so many are to stay: what does nothing goes first. */
export const toLeave = <T extends Pick<Slot, 'state'>>(present: readonly T[], staying: number): readonly T[] => {
  const isIdle = ({ state }: T) => Number(state === 'parked')
  return present.toSorted((a, b) => isIdle(a) - isIdle(b)).slice(staying)
}

/** The slots of a pool while they come and go. One that comes is not one of those that stay before it has its assignment. */
export class SlotSet {
  /** In the order of their numbers. The array stays the same one. */
  readonly all: Slot[] = []
  readonly #coming = new Set<Slot>()
  readonly #leaving = new Set<Slot>()
  readonly #onGone = new Map<Slot, () => void>()
  readonly #incarnations = new Map<number, number>()
  #gone = NONE
  readonly #goneTallies = new Tallies()

  /** Those that are in their group, and are to be. */
  get staying(): readonly Slot[] {
    return this.all.filter((slot) => !this.#coming.has(slot) && !this.#leaving.has(slot))
  }

  /** Those that are to be there. */
  get wanted(): readonly Slot[] {
    return this.all.filter((slot) => !this.#leaving.has(slot))
  }

  get leaving(): readonly Slot[] {
    return [...this.#leaving]
  }

  /** What those have counted that are not there any more. */
  get gone(): SlotCounts {
    return this.#gone
  }

  get measures(): PoolMeasures {
    return measure(
      this.all.map((slot) => slot.measures),
      this.#goneTallies,
    )
  }

  /** How many incarnations slots of that number have had. */
  incarnationsOf(slot: number): number {
    return this.#incarnations.get(slot) ?? 0
  }

  /** @param onGone called when it is not there any more */
  come(slot: Slot, onGone: () => void): void {
    this.#coming.add(slot)
    this.#onGone.set(slot, onGone)
    this.all.push(slot)
    this.all.sort((a, b) => a.config.slot - b.config.slot)
  }

  /** They have their assignments. */
  stay(slots: readonly Slot[]): void {
    for (const slot of slots) this.#coming.delete(slot)
  }

  /** They begin to leave. */
  leave(slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#coming.delete(slot)
      this.#leaving.add(slot)
    }
  }

  /** They are stopped, and no slots of the pool any more. */
  drop(slots: readonly Slot[]): void {
    for (const slot of slots) {
      const status = slot.status()
      this.#gone = plus(this.#gone, status)
      this.#goneTallies.add(status.groupId, slot.measures.tally)
      this.#incarnations.set(slot.config.slot, status.incarnation)
      this.#leaving.delete(slot)
      this.all.splice(this.all.indexOf(slot), 1)
      this.#onGone.get(slot)?.()
      this.#onGone.delete(slot)
    }
  }
}
