import { consumerGroups } from '../config/consumer-groups.js'
import type { SlotConfig } from '../config/resolved.js'
import { Assignors } from './membership/assignors/assignors.js'
import { Group } from './membership/group.js'
import { StoredOffsets } from './progress/stored-offsets.js'
import { ProcessTrial } from './supervision/process-trial.js'
import { Suspects } from './supervision/suspects.js'

/** What the slots of one pool that are in one consumer group have in common. */
export interface GroupParts {
  readonly group: Group
  readonly suspects: Suspects
  readonly stored: StoredOffsets
}

/** The consumer groups that a pool is in. */
export class Groups {
  /** Load them before anything joins. */
  readonly assignors = new Assignors()
  readonly #partsOf = new Map<SlotConfig, GroupParts>()
  readonly #groups: readonly Group[]

  constructor(slots: readonly SlotConfig[]) {
    const startedAtMs = Date.now()
    const trial = new ProcessTrial()
    this.#groups = consumerGroups(slots, (slot) => slot).map((members) => {
      const group = new Group(members[0]?.consumer.groupId ?? '', members.length, this.assignors)
      const parts = { group, suspects: new Suspects(startedAtMs, trial), stored: new StoredOffsets() }
      for (const slot of members) this.#partsOf.set(slot, parts)
      return group
    })
  }

  /** Generations of all groups that were formed while the pool was a member. */
  get generations(): number {
    return this.#groups.reduce((sum, { generations }) => sum + generations, 0)
  }

  of(slot: SlotConfig): GroupParts {
    const parts = this.#partsOf.get(slot)
    if (parts === undefined) throw new TypeError(`slot ${slot.slot} is not of this pool`)
    return parts
  }

  /** Lets go who waits for seats that may never come. */
  openBarriers(): void {
    for (const { barrier } of this.#groups) barrier.open()
  }

  close(): void {
    for (const group of this.#groups) group.close()
  }
}
