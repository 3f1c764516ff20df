import { consumerGroups, isSameGroup } from '../config/consumer-groups.js'
import type { SlotConfig } from '../config/resolved.js'
import type { TopicChoice } from '../config/rules/topics.js'
import { ErrorCode, PoolError } from '../errors.js'
import { groupBy } from '../util/group-by.js'
import { Assignors } from './membership/assignors/assignors.js'
import type { ConsumedTopics } from './membership/consumed-topics.js'
import { Group } from './membership/group.js'
import { GroupTopics } from './membership/group-topics.js'
import { StoredOffsets } from './progress/stored-offsets.js'
import { ProcessTrial } from './supervision/process-trial.js'
import { Suspects } from './supervision/suspects.js'

/** What the slots of one pool that are in one consumer group have in common, and those of one subscription there. */
export interface GroupParts {
  readonly group: Group
  readonly suspects: Suspects
  readonly stored: StoredOffsets
  readonly groupTopics: GroupTopics
  /** Those of the slot's subscription. */
  readonly consumed: ConsumedTopics
}

/** The consumer groups that a pool is in. */
export class Groups {
  /** Load them before anything joins. */
  readonly assignors = new Assignors()
  readonly #partsOf = new Map<SlotConfig, GroupParts>()
  readonly #parts = new Map<ConsumedTopics, GroupParts>()
  readonly #groups: readonly Group[]

  constructor(slots: readonly SlotConfig[]) {
    const startedAtMs = Date.now()
    const trial = new ProcessTrial()
    this.#groups = consumerGroups(slots, (slot) => slot).map((members) => {
      const group = new Group(members[0]?.consumer.groupId ?? '', members.length, this.assignors)
      const common = {
        group,
        suspects: new Suspects(startedAtMs, trial),
        stored: new StoredOffsets(),
        groupTopics: new GroupTopics(members),
      }
      for (const slot of members) this.#enter(slot, common, slot)
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

  /** What a subscription consumes, once for each group that slots of it are in, or have been in. */
  placesOf(subscription: number): readonly GroupParts[] {
    return [...this.#parts.values()].filter(({ consumed }) => consumed.subscription === subscription)
  }

  /** What a subscription consumes now, in any of its groups. */
  topicsOf(subscription: number): readonly string[] {
    return [...new Set(this.placesOf(subscription).flatMap(({ consumed }) => consumed.all))]
  }

  /** Whether any subscription consumes a topic of that name, or would if it was there. */
  includes(topic: string): boolean {
    return [...this.#parts.keys()].some((consumed) => consumed.includes(topic))
  }

  /**
   * Slots that come while the pool runs, all at once. They consume what their subscriptions do by now.
   *
   * @throws {@link PoolError} `KCP_NOT_SCALED` when one of them would be in a group that the pool is not in, or share a topic
   *   there
   */
  admit(slots: readonly SlotConfig[]): void {
    const known = [...this.#partsOf]
    for (const slot of slots) {
      if (this.#partsOf.has(slot)) continue
      const found = known.find(([other]) => isSameGroup(slot, other))?.[1]
      if (found === undefined) {
        const { groupId } = slot.consumer
        throw new PoolError(
          ErrorCode.notScaled,
          `slot ${slot.slot} would be in the group "${groupId}", in which the pool has no slot. Let perSlot give it one that another slot is in, or restart the pool with so many workers`,
          { slot: slot.slot, groupId },
        )
      }
      const [first] = this.placesOf(slot.subscription)
      const chosen = first === undefined ? slot : { topics: first.consumed.named, patterns: first.consumed.patterns }
      refuseShared(slot, chosen, found.groupTopics)
      this.#enter(slot, found, chosen)
    }
  }

  /**
   * Some slots of a subscription are to leave while the others of it go on.
   *
   * @throws {@link PoolError} `KCP_NOT_SCALED` when none of these is in the group of one that leaves: nobody would do its work
   */
  release(leaving: readonly SlotConfig[], staying: readonly SlotConfig[]): void {
    const kept = new Set(staying.map((slot) => this.of(slot).group))
    const last = leaving.find((slot) => !kept.has(this.of(slot).group))
    if (last === undefined) return
    const { slot, consumer } = last
    throw new PoolError(
      ErrorCode.notScaled,
      `slot ${slot} cannot be removed: no other slot of its subscription would be left in the group "${consumer.groupId}", and nobody would handle what comes there`,
      { slot, groupId: consumer.groupId },
    )
  }

  /** These slots are about to join. */
  grow(slots: readonly SlotConfig[]): void {
    for (const [group, count] of this.#counted(slots)) group.grow(count)
  }

  /** These slots are about to leave, and the others go on. */
  shrink(slots: readonly SlotConfig[]): void {
    for (const [group, count] of this.#counted(slots)) group.shrink(count)
  }

  /** Forgets what was stored of topics that are not consumed any more. Call it now and then. */
  forget(): void {
    for (const { stored, groupTopics } of this.#parts.values()) stored.keep(groupTopics.all)
  }

  /** Lets go who waits for seats that may never come. */
  openBarriers(): void {
    for (const { barrier } of this.#groups) barrier.open()
  }

  close(): void {
    for (const group of this.#groups) group.close()
  }

  #enter(slot: SlotConfig, common: Omit<GroupParts, 'consumed'>, chosen: TopicChoice): void {
    const consumed = common.groupTopics.admit(slot, chosen)
    const parts = this.#parts.get(consumed) ?? { ...common, consumed }
    this.#parts.set(consumed, parts)
    this.#partsOf.set(slot, parts)
  }

  #counted(slots: readonly SlotConfig[]): ReadonlyMap<Group, number> {
    const byGroup = groupBy(slots, (slot) => this.of(slot).group)
    return new Map([...byGroup].map(([group, members]) => [group, members.length]))
  }
}

/** Topics may have been subscribed to since the configuration was checked. */
const refuseShared = (slot: SlotConfig, { topics }: TopicChoice, { subscriptions }: GroupTopics): void => {
  const others = subscriptions.filter(({ subscription }) => subscription !== slot.subscription)
  for (const { subscription, named } of others) {
    const shared = topics.find((topic) => named.includes(topic))
    if (shared === undefined) continue
    const { groupId } = slot.consumer
    throw new PoolError(
      ErrorCode.notScaled,
      `slot ${slot.slot} would consume "${shared}" in the group "${groupId}", where subscriptions[${subscription}] does, so each message would go to only one of the two handlers. Unsubscribe one of them from it, or let perSlot give the slot another group`,
      { slot: slot.slot, groupId, topic: shared },
    )
  }
}
