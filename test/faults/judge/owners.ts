import { groupBy } from '#src/util/group-by.js'
import type { Episodes } from './episodes.js'
import { type Evidence, type Handled, type Heard, lastBefore, place, type Violation, violation } from './evidence.js'

interface Joined {
  readonly atMs: number
  readonly generation: number
  /** Who owns partitions in this generation: a static member may change its process. */
  readonly identity: string
}

const joinedOf = ({ atMs, payload }: Heard): Joined => ({
  atMs,
  generation: Number(payload.generation),
  identity: String(payload.instanceId ?? payload.memberId),
})

/** In which generation each slot was a member, and as whom. */
export class Owners {
  readonly #joins: ReadonlyMap<string, readonly Joined[]>

  constructor(heard: readonly Heard[]) {
    const joined = heard.filter(({ event }) => event === 'group:joined')
    const bySlot = groupBy(joined, ({ pid, payload }) => `${pid}/${payload.slot}`)
    this.#joins = new Map([...bySlot].map(([slot, events]) => [slot, events.map(joinedOf)]))
  }

  /** The membership under which a handling began. */
  of({ pid, slot, startMs }: Handled): Joined | undefined {
    return lastBefore(this.#joins.get(`${pid}/${slot}`) ?? [], startMs)
  }

  joinedBetween(before: Handled, after: Handled): boolean {
    return this.of(before) !== this.of(after)
  }
}

/** Within so long before a freeze a thread may have come to the end of a message, and be on its way to the next. */
const ON_ITS_WAY_MS = 100

/**
 * Handlings whose threads were frozen after they had looked at the lease and before the handler was called. No look can come
 * later than that, so they were in flight at the freeze. At most one for each thread and freeze: the first after it, and
 * only where the thread was between two messages.
 */
const onTheirWay = ({ record, freezes }: Evidence): ReadonlySet<Handled> => {
  const found = freezes.flatMap(({ pid, fromMs, toMs }) => {
    const threads = groupBy(
      record.filter(({ worker }) => worker === pid),
      ({ threadId }) => threadId,
    )
    return [...threads.values()].flatMap((handlings) => {
      const next = handlings.find(({ startMs }) => startMs >= toMs)
      const before = handlings.filter(({ startMs }) => startMs < toMs)
      const isBetween = before.every(({ endMs }) => endMs !== null && endMs < toMs)
      const lastEndMs = Math.max(...before.map(({ endMs }) => endMs ?? 0))
      return next !== undefined && isBetween && lastEndMs > fromMs - ON_ITS_WAY_MS ? [next] : []
    })
  })
  return new Set(found)
}

/**
 * Nobody begins a message of a partition after somebody of a later generation has, nor after another member of the same
 * generation, nor after a later incarnation of its own slot: there are no two live owners, and no lease outlives itself.
 */
export const oneOwner = (evidence: Evidence, owners: Owners): Violation[] => {
  const { record } = evidence
  const excused = onTheirWay(evidence)
  const faults: Violation[] = []
  for (const handlings of groupBy(record, ({ partition }) => partition).values()) {
    let last: { readonly handling: Handled; readonly joined: Joined } | undefined
    for (const handling of handlings) {
      const joined = owners.of(handling)
      const { pid, slot, incarnation, startMs } = handling
      const who = `process ${pid}, slot ${slot}, incarnation ${incarnation}, generation ${joined?.generation}`
      if (joined === undefined) {
        faults.push(violation('one live owner', `${place(handling)} was begun by no member: ${who}`, startMs))
        continue
      }
      if (last !== undefined) {
        const after = `process ${last.handling.pid}, slot ${last.handling.slot}, incarnation ${last.handling.incarnation}, generation ${last.joined.generation}`
        const isSameSlot = pid === last.handling.pid && slot === last.handling.slot
        const isStale =
          joined.generation < last.joined.generation ||
          (joined.generation === last.joined.generation && joined.identity !== last.joined.identity) ||
          (isSameSlot && incarnation < last.handling.incarnation)
        if (isStale && excused.has(handling)) continue
        if (isStale) {
          faults.push(violation('one live owner', `${place(handling)} was begun by ${who} after ${after}`, startMs))
          continue
        }
      }
      last = { handling, joined }
    }
  }
  return faults
}

/** The coordinator gave each partition to one member of a generation. */
export const oneAssignee = ({ generations }: Evidence): Violation[] =>
  generations.flatMap(({ generation, members }) => {
    const held = members.flatMap(({ assignment }) =>
      Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((each) => `${topic}-${each}`)),
    )
    const twice = held.filter((partition, n) => held.indexOf(partition) !== n)
    return twice.map((partition) =>
      violation('one live owner', `generation ${generation} has two members for ${partition}`),
    )
  })

/** The group forms a new generation only when the fault of the moment may cost one. */
export const rebalances = ({ heard }: Evidence, episodes: Episodes): Violation[] => {
  const joined = heard.filter(({ event }) => event === 'group:joined')
  const faults: Violation[] = []
  let newest = -1
  for (const { atMs, member, payload } of joined) {
    const generation = Number(payload.generation)
    if (generation <= newest) continue
    newest = generation
    const episode = episodes.at(atMs)
    if (episode.rebalances) continue
    faults.push(violation('rebalances = 0', `generation ${generation}, as ${member} says (${episode.name})`, atMs))
  }
  return faults
}
