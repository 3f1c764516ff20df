import type { DurationCounts } from '../protocol/durations.js'
import { Tally } from '../protocol/tally.js'

/** What metrics say of a slot, and nobody else needs to know. */
export interface SlotMeasures {
  readonly slot: number
  readonly groupId: string
  /** For how long its threads have worked, in ms. */
  readonly workedMs: number
  /** For how long it may begin messages without hearing of the coordinator; null before it was a member. */
  readonly leaseLeftMs: number | null
  readonly fetchedBytes: number
  /** Null while no thread fills the slot. */
  readonly bufferedBytes: number | null
}

/** Of all slots that a group has and has had. */
export interface GroupMeasures {
  readonly groupId: string
  readonly handlers: DurationCounts
  readonly ages: DurationCounts
}

export interface PoolMeasures {
  readonly slots: readonly SlotMeasures[]
  readonly groups: readonly GroupMeasures[]
}

/** What of a slot is measured. */
export interface Measured extends SlotMeasures {
  readonly tally: Tally
}

/** Tallies by group. */
export class Tallies {
  readonly #byGroup = new Map<string, Tally>()

  constructor(before?: Tallies) {
    if (before !== undefined) for (const [groupId, tally] of before.#byGroup) this.add(groupId, tally)
  }

  add(groupId: string, tally: Tally): void {
    const sum = this.#byGroup.get(groupId) ?? new Tally()
    sum.add(tally)
    this.#byGroup.set(groupId, sum)
  }

  get groups(): readonly GroupMeasures[] {
    return [...this.#byGroup].map(([groupId, { handlers, ages }]) => ({
      ...{ groupId, handlers: handlers.counts, ages: ages.counts },
    }))
  }
}

/** @param gone what slots have counted that are not there any more, so that no sum goes back */
export const measure = (slots: readonly Measured[], gone: Tallies): PoolMeasures => {
  const sums = new Tallies(gone)
  for (const { groupId, tally } of slots) sums.add(groupId, tally)
  return { slots: slots.map(({ tally: _, ...rest }) => rest), groups: sums.groups }
}
