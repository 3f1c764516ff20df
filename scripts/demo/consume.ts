import type { ConsumerPool } from '#src/index.js'
import { count, percent, seconds } from './report.js'

/** What the pool said happened on the way. */
export interface Course {
  readonly crashes: number
  readonly healedMs: readonly number[]
  readonly rebalances: number
}

const SHOW_MS = 250
const BAR_WIDTH = 30
const ERASE_LINE = '\r\u001b[K'

/** How far the work is: a bar on a terminal; elsewhere a line for every tenth. Other lines go above the bar. */
class Progress {
  readonly #total: number
  readonly #screen: NodeJS.WriteStream
  readonly #since = performance.now()
  #bar = ''
  #tenths = 0

  constructor(total: number, screen: NodeJS.WriteStream) {
    this.#total = total
    this.#screen = screen
  }

  /** @param done how many documents are through */
  show(done: number): void {
    const share = Math.min(1, done / this.#total)
    const ms = performance.now() - this.#since
    const left = share > 0.02 && share < 1 ? `  ${seconds((ms * (1 - share)) / share)} left` : ''
    const text = `${percent(share).padStart(6)}  ${count(done)} of ${count(this.#total)}  ${count((done * 1_000) / ms)}/s${left}`
    if (this.#screen.isTTY) {
      const full = Math.round(share * BAR_WIDTH)
      this.#draw(`${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}${text}`.slice(0, (this.#screen.columns || 80) - 1))
    } else if (Math.floor(share * 10) > this.#tenths) {
      this.#tenths = Math.floor(share * 10)
      this.line(text.trim())
    }
  }

  line(text: string): void {
    const bar = this.#bar
    this.#draw('')
    this.#screen.write(`${text}\n`)
    this.#draw(bar)
  }

  /** Takes the bar away. */
  end(): void {
    this.#draw('')
  }

  #draw(bar: string): void {
    if (this.#bar !== '' || bar !== '') this.#screen.write(`${ERASE_LINE}${bar}`)
    this.#bar = bar
  }
}

/** Starts the pool and resolves when the group has committed that many messages; shows crashes and their healing. */
export const consume = async (pool: ConsumerPool, messages: number, screen: NodeJS.WriteStream): Promise<Course> => {
  const progress = new Progress(messages, screen)
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
