import { machineMs } from '#scripts/support/recorder.js'
import { every } from '#src/util/timers.js'
import { type Violation, violation } from '../judge/evidence.js'
import { STANDSTILL_MS } from '../times.js'
import type { View, World } from './world.js'

const LOOK_MS = 500
/** A partition that was not looked at for so long is looked at anew: nobody has seen it stand still meanwhile. */
const BLIND_MS = 2_000
/** The pool itself looks once a second. */
const GRACE_MS = 3_000

interface Standing {
  readonly at: number
  readonly sinceMs: number
  readonly seenMs: number
}

/**
 * Holds the pools to their word: none calls itself `running` for two session timeouts while messages wait in one of its
 * partitions and nothing moves there; nor do all of them, while messages wait in a partition that none of them has. (Time in
 * which a pool said that it is not well does not count: it may be well again a moment before the first message moves.)
 */
export class Honesty {
  readonly #standings = new Map<string, Standing>()

  /**
   * @param members how many there should be; those that are down, or have not answered, are not in `views`
   * @param highs for each partition the offset behind the last message that was acknowledged
   * @returns what is not true of what the pools say
   */
  look(views: readonly View[], members: number, highs: readonly number[], nowMs: number): Violation[] {
    const faults: Violation[] = []
    const held = new Set<number>()
    for (const { member, status } of views) {
      for (const { assignment } of status.slots) {
        for (const { partition, finishedUpTo } of assignment) {
          held.add(partition)
          const key = `${member.pid}/${partition}`
          const high = status.state === 'running' ? (highs[partition] ?? 0) : 0
          const forMs = this.#stands(key, Number(finishedUpTo), high, nowMs)
          if (forMs < STANDSTILL_MS + GRACE_MS) continue
          const what = `${member.name} is running, and ${partition}@${finishedUpTo} has stood for ${Math.round(forMs)} ms; ${highs[partition]} are there`
          faults.push(violation('never healthy while nothing moves', what, nowMs))
        }
      }
    }
    const areAllRunning =
      views.length > 0 && views.length === members && views.every(({ status }) => status.state === 'running')
    for (const [partition, high] of highs.entries()) {
      const isOrphan = areAllRunning && !held.has(partition)
      const forMs = this.#stands(`nobody/${partition}`, isOrphan ? -1 : nowMs, isOrphan ? high : 0, nowMs)
      if (forMs < STANDSTILL_MS + GRACE_MS) continue
      const what = `all pools are running, and nobody has had partition ${partition} for ${Math.round(forMs)} ms`
      faults.push(violation('never healthy while nothing moves', what, nowMs))
    }
    return faults
  }

  /** For how long a partition with messages that wait has stood; `high` is 0 where that does not count. */
  #stands(key: string, at: number, high: number, nowMs: number): number {
    const before = this.#standings.get(key)
    const stands = before !== undefined && before.at === at && high > at && nowMs - before.seenMs < BLIND_MS
    const sinceMs = stands ? before.sinceMs : nowMs
    this.#standings.set(key, { at, sinceMs, seenMs: nowMs })
    return nowMs - sinceMs
  }
}

/** Looks at the pools of a world all the time, and tells the load how far they are. */
export class Watch {
  readonly faults: Violation[] = []
  readonly #timer: NodeJS.Timeout
  #isLooking = false

  constructor(world: World) {
    const honesty = new Honesty()
    const look = async () => {
      if (this.#isLooking) return
      this.#isLooking = true
      // Asked before: what is acknowledged while the answer is on its way may well wait.
      const { highs } = world.load
      const views = await world.look()
      for (const { status } of views)
        for (const { assignment } of status.slots)
          for (const { partition, finishedUpTo } of assignment) world.load.finished(partition, Number(finishedUpTo))
      this.faults.push(...honesty.look(views, world.on, highs, machineMs()))
      this.#isLooking = false
    }
    this.#timer = every(() => void look(), LOOK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
