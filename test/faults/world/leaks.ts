import type { Inventory } from '#scripts/support/inventory.js'
import { until } from '#scripts/support/until.js'
import { type Violation, violation } from '../judge/evidence.js'
import type { Member } from './member.js'

/*
 * By how much a process may have more than when it had settled for the first time. Node's own threads come when they are
 * first needed (four for native work), and so do clients of the pool: one for dead letters, a seat's second connection.
 */
const MORE: Partial<Record<keyof Inventory, number>> = {
  threads: 6,
  sockets: 8,
  descriptors: 16,
  ports: 8,
  timers: 12,
  listeners: 4,
  heap: 16 << 20,
  rss: 96 << 20,
}
/** A thread in a native call is there until that comes back. */
const PATIENCE_MS = 45_000

/** What there is too much of. */
export const growth = (before: Inventory, now: Inventory): string[] =>
  (Object.keys(MORE) as (keyof Inventory)[])
    .filter((name) => now[name] > before[name] + (MORE[name] ?? 0))
    .map((name) => `${name} ${before[name]} → ${now[name]}`)

/** Remembers what each process held when it was new, and says what has grown. */
export class Leaks {
  readonly #before = new Map<Member, Inventory>()

  /** To be called when nothing is wrong with them. */
  async remember(members: readonly Member[]): Promise<void> {
    const fresh = members.filter((member) => !this.#before.has(member))
    await Promise.all(fresh.map(async (member) => this.#before.set(member, await member.inventory())))
  }

  /** What has grown, and stays so. */
  async find(members: readonly Member[]): Promise<Violation[]> {
    const found = await Promise.all(
      members.map(async (member) => {
        const before = this.#before.get(member)
        if (before === undefined) return []
        let grown: string[] = []
        const isFlat = async () => {
          grown = growth(before, await member.inventory())
          return grown.length === 0
        }
        await until(isFlat, { what: 'nothing to have grown', deadlineMs: PATIENCE_MS, everyMs: 500 }).catch(
          () => undefined,
        )
        return grown.map((what) => violation('nothing grows', `${member.name} (process ${member.pid}): ${what}`))
      }),
    )
    return found.flat()
  }
}
