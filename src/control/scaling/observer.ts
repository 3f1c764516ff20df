import type { PoolSettings } from '../../config/resolved.js'
import { partitionName } from '../../util/partition-name.js'
import type { Slot } from '../slot.js'
import type { SlotStatus } from '../status.js'
import type { Observation, SlotLoad } from './decide.js'
import type { SlotSet } from './slot-set.js'

export interface ObserverOptions {
  readonly slots: Pick<SlotSet, 'staying'>
  /** How many the process may use. */
  readonly cores: number
  readonly isolation: PoolSettings['isolation']
  /** Milliseconds of CPU that this process has used. @default what Node says */
  readonly cpuMs?: () => number
}

/** What a slot's thread has done up to now. */
interface Work {
  readonly incarnation: number
  readonly workedMs: number
}

interface Seen {
  readonly slot: Slot
  readonly status: SlotStatus
  readonly load: SlotLoad
}

const ownCpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const share = (ms: number, ofMs: number): number => (ofMs > 0 ? Math.min(1, Math.max(0, ms / ofMs)) : 0)

/** A slot that is parked does nothing, but that is no reason to do with fewer: the others do its work meanwhile. */
const isSettled = ({ state, seat }: SlotStatus): boolean =>
  (state === 'running' || state === 'restarting') && seat.state === 'stable'

/** Sees how loaded the slots are, from what main knows of them without asking the threads. */
export class Observer {
  readonly #options: ObserverOptions
  readonly #cpuMs: () => number
  #seen: readonly Seen[] = []
  #works = new Map<number, Work>()
  #atMs = Number.NaN
  #usedMs = 0
  #cpu = 0

  constructor(options: ObserverOptions) {
    this.#options = options
    this.#cpuMs = options.cpuMs ?? ownCpuMs
  }

  /** Looks at all slots. */
  look(nowMs: number): void {
    const { slots, cores, isolation } = this.#options
    const passedMs = nowMs - this.#atMs
    const works = new Map<number, Work>()
    let workedMs = 0
    this.#seen = slots.staying.map((slot) => {
      const status = slot.status()
      const now = { incarnation: status.incarnation, workedMs: slot.incarnation?.workedMs ?? 0 }
      const before = this.#works.get(status.slot)
      const isSame = before?.incarnation === now.incarnation
      const worked = isSame ? now.workedMs - (before?.workedMs ?? 0) : 0
      works.set(status.slot, now)
      workedMs += worked
      const { concurrency } = slot.config
      return { slot, status, load: { handlers: status.inFlight, concurrency, thread: share(worked, passedMs) } }
    })
    const usedMs = this.#cpuMs()
    const ofChildrenMs = isolation === 'process' ? workedMs : 0
    this.#cpu = share(usedMs - this.#usedMs + ofChildrenMs, passedMs * cores)
    this.#works = works
    this.#usedMs = usedMs
    this.#atMs = nowMs
  }

  /** What was seen of a subscription. */
  of(subscription: number): Observation {
    const own = this.#seen.filter(({ status }) => status.subscription === subscription)
    return {
      atMs: this.#atMs,
      isSettled: own.every(({ status }) => isSettled(status)),
      slots: new Map(own.map(({ status, load }) => [status.slot, load])),
      cpu: this.#cpu,
      partitions: own.flatMap(({ status: { slot, assignment } }) =>
        assignment.map((partition) => ({
          name: partitionName(partition),
          slot,
          finishedUpTo: Number(partition.finishedUpTo),
          lag: partition.lag === null ? null : Number(partition.lag),
          isPaused: partition.paused !== null || partition.onHoldForMs !== null,
        })),
      ),
    }
  }
}
