import type { ConsumerPool } from '#src/index.js'
import type { Progress } from './progress.js'

/** What the pool said happened on the way. */
export interface Course {
  readonly crashes: number
  readonly healedMs: readonly number[]
  readonly rebalances: number
}

const SHOW_MS = 250

/** Starts the pool and resolves when the group has committed that many messages; shows crashes and their healing. */
export const consume = async (pool: ConsumerPool, messages: number, progress: Progress): Promise<Course> => {
  let crashes = 0
  const healedMs: number[] = []
  const members = new Map<number, string>()

  pool.on('slot:crashed', ({ slot, memberId, error, inFlight }) => {
    crashes++
    members.set(slot, memberId)
    const flights = inFlight.map(({ partition, offset }) => `partition ${partition}, offset ${offset}`)
    const why = error.cause instanceof Error ? error.cause.message : error.message
    progress.line(`the thread of slot ${slot} died: ${why}. In flight: ${flights.join('; ') || 'nothing'}`)
  })
  pool.on('slot:recovered', ({ slot, afterMs, by, memberId }) => {
    healedMs.push(afterMs)
    const { rebalances } = pool.status().totals
    progress.line(`slot ${slot} is back after ${Math.round(afterMs)} ms by ${by}, rebalances: ${rebalances}`)
    progress.line(`  as ${members.get(slot) === memberId ? 'the same' : 'a new'} member, ${memberId}`)
  })

  const allCommitted = new Promise<void>((resolve, reject) => {
    const committed = new Map<number, number>()
    pool.on('offsets:committed', ({ offsets }) => {
      for (const { partition, offset } of offsets) committed.set(partition, Number(offset))
      const sum = [...committed.values()].reduce((all, offset) => all + offset, 0)
      if (sum >= messages) resolve()
    })
    pool.on('partition:paused', ({ error }) => reject(new Error(`A document could not be handled: ${error.message}`)))
    pool.on('pool:escalated', ({ error }) => reject(error))
  })
  const shows = setInterval(() => progress.show(pool.status().totals.finished), SHOW_MS)
  try {
    await Promise.all([pool.start(), allCommitted])
    return { crashes, healedMs, rebalances: pool.status().totals.rebalances }
  } finally {
    clearInterval(shows)
    progress.end()
  }
}
