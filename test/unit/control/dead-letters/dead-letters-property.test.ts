import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { DeadLetters } from '#src/control/dead-letters/dead-letters.js'
import type { DeadLetter, DeadLetterStore, StoredAt } from '#src/control/dead-letters/store.js'
import { finishedUpTo, Holdings } from '#src/control/holdings.js'
import { Standstills } from '#src/control/supervision/standstills.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import { Control } from '#src/protocol/ledger.js'
import type { ToThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { type Deferred, deferred } from '#src/util/deferred.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { range } from '../../../support/data/batches.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { rounds } from '../../../support/data/soon.js'

/*
 * Both sides of a slot with one partition, and what they say to each other on its way for any time: what a thread hears is
 * old, and so is what main hears.
 */

const LENGTH = 12
const WHERE = { topic: 't', partition: 0 }
const AWAY = new KafkaError('LEADER_NOT_AVAILABLE', 5, true, 'away')

const STEPS = [
  'hear',
  'tell',
  'fetch',
  'look',
  'store',
  'fail',
  'commit',
  'crash',
  'move',
  'letGo',
  'unreadable',
  'run',
] as const
type Step = (typeof STEPS)[number]

/** What comes more often, alone and in a row. */
const WORK: readonly Step[] = ['tell', 'tell', 'fetch', 'run', 'hear', 'hear']
const someSteps = fc.oneof(
  { weight: 3, arbitrary: fc.constant(WORK) },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Step>('fail', 'look', 'store', 'tell', 'hear', 'unreadable').map((step) => [step]),
  },
  { weight: 2, arbitrary: fc.constantFrom(...STEPS).map((step) => [step]) },
)

class Slot {
  readonly #bad: readonly boolean[]
  readonly #deadLetter = { topic: 'dead', partition: 'any', breaker: 1, resumeAfterMs: null } as const
  readonly #holdings = new Holdings()
  readonly #writing: { readonly letter: DeadLetter; readonly answer: Deferred<StoredAt> }[] = []
  readonly #done = new Set<number>()
  readonly #deadLetters: DeadLetters
  readonly #standstills: Standstills
  #committed = 0n
  #thread: DispatcherBench
  #toThread: ToThread[] = []
  #heard = 0

  constructor(bad: readonly boolean[]) {
    this.#bad = bad
    const config = slotConfig({ deadLetter: this.#deadLetter })
    const store: DeadLetterStore = {
      store: (letter) => {
        const answer = deferred<StoredAt>()
        this.#writing.push({ letter, answer })
        return answer.promise
      },
    }
    const holdings = this.#holdings
    const report = { paused: () => {}, resumed: () => {}, deadLettered: () => {} }
    const log = pino({ level: 'silent' })
    const send = (message: ToThread) => void this.#toThread.push(message)
    this.#deadLetters = new DeadLetters({ config, holdings, store, send, report, log })
    const client = { topics: async () => [], listOffsets: async () => [] }
    const hand = async (
      added: { page: SharedArrayBuffer; added: Given['added'] } | null,
      removed: readonly number[],
    ) => {
      this.#assign(added, removed)
      return true
    }
    this.#standstills = new Standstills({
      ...{ config, holdings, incarnations: { hand }, client, report, log },
      silentMs: () => 0,
    })
    this.#thread = this.#newThread()
    this.#assign(holdings.add([{ ...WHERE, offset: 0n, committed: 0n }]), [])
  }

  get finished(): number {
    return this.#holdings.all().reduce((sum, holding) => sum + Number(finishedUpTo(holding)), 0)
  }

  get faults(): readonly unknown[] {
    return this.#thread.faults
  }

  async do(step: Step): Promise<void> {
    const before = this.finished
    if (step === 'run') await rounds(3)
    else this[step]()
    await Promise.resolve()
    if (step !== 'move') expect(this.finished, 'what was finished is no more').toBeGreaterThanOrEqual(before)
  }

  hear(): void {
    const message = this.#thread.posted[this.#heard++]
    if (message === undefined) this.#heard--
    else if (message.type !== 'log' && 'partitionId' in message) {
      const holding = this.#holdings.byId(message.partitionId)
      if (holding === undefined) return
      if (message.type === 'dead-letter') this.#deadLetters.heard(message, holding)
      else this.#standstills.heard(message, holding, monotonicMs())
    }
  }

  tell(): void {
    const message = this.#toThread.shift()
    const { partitions, pages, turns } = this.#thread
    if (message?.type === 'assign') {
      const page = Page.from(message.page)
      partitions.drop(message.removed)
      for (const [at, partition] of partitions.add(message.added, page).entries()) {
        pages.set(partition, { page, index: message.added[at]?.index ?? -1 })
      }
    } else if (message?.type === 'dead-letter') {
      const partition = partitions.byId(message.partitionId)
      if (partition !== undefined) turns.deadLettered(partition, message.outcome === 'stored')
    }
  }

  fetch(): void {
    for (const partition of this.#thread.partitions) {
      const { offset } = partition.fetching
      if (offset < LENGTH) this.#thread.feed(partition, range(offset, Math.min(offset + 3, LENGTH)))
    }
  }

  /** What the next Fetch brings cannot be read, just now. */
  unreadable(): void {
    for (const { id, fetching } of this.#thread.partitions) {
      if (fetching.halted) continue
      fetching.halted = true
      const said = { type: 'partition-paused', partitionId: id, offset: String(fetching.offset) } as const
      this.#thread.posted.push({ ...said, error: { name: 'RangeError', message: 'torn' } })
    }
  }

  letGo(): void {
    for (const partition of this.#thread.partitions) if (!partition.fetching.halted) partition.letGo()
  }

  /** Whatever stands still is resumed, so no time has to pass. */
  look(): void {
    const nowMs = monotonicMs()
    this.#standstills.resume(WHERE, nowMs)
    this.#deadLetters.look(nowMs)
    this.#standstills.look(true, nowMs)
  }

  store(): void {
    const next = this.#writing.shift()
    if (next === undefined) return
    this.#done.add(Number(next.letter.facts.offset))
    next.answer.resolve({ topic: 'dead', partition: 0, offset: '0' })
  }

  fail(): void {
    this.#writing.shift()?.answer.reject(AWAY)
  }

  commit(): void {
    for (const committed of this.#holdings.uncommitted()) {
      expect(committed.offset).toBeGreaterThan(this.#committed)
      for (const offset of range(0, Number(committed.offset))) expect([...this.#done]).toContain(offset)
      this.#committed = committed.offset
      this.#holdings.markCommitted(committed)
    }
  }

  crash(): void {
    while (this.#heard < this.#thread.posted.length) this.hear()
    void this.#thread.dispatcher.close()
    this.#toThread = []
    this.#heard = 0
    this.#thread = this.#newThread()
    this.#assign(this.#holdings.rehouse(), [])
  }

  /** The partition goes to somebody else, who does nothing with it, and comes back. */
  move(): void {
    this.#assign(
      null,
      this.#holdings.drop(() => false).map(({ id }) => id),
    )
    this.#assign(this.#holdings.add([{ ...WHERE, offset: this.#committed, committed: this.#committed }]), [])
  }

  #newThread(): DispatcherBench {
    const handler = ({ offset }: { readonly offset: string }) => {
      if (this.#bad[Number(offset)]) throw new TypeError('bad')
      this.#done.add(Number(offset))
    }
    return new DispatcherBench(handler, {
      deadLetter: this.#deadLetter,
      retry: { attempts: 1, initialDelayMs: 0, maxDelayMs: 0 },
    })
  }

  #assign(given: Given | null, removed: readonly number[]): void {
    if (removed.length > 0) this.#thread.ledger.raise(Control.revoked)
    const { page, added } = given ?? { page: new SharedArrayBuffer(0), added: [] }
    this.#toThread.push({ type: 'assign', requestId: 0, page, added, removed })
  }
}

type Given = Pick<Extract<ToThread, { type: 'assign' }>, 'page' | 'added'>

test('whatever happens and however old what each side hears: nothing is lost, committed too early or twice, or stuck', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: LENGTH, maxLength: LENGTH }),
      fc.array(someSteps, { maxLength: 60 }),
      async (bad, steps) => {
        const slot = new Slot(bad)
        for (const step of steps.flat()) await slot.do(step)
        const rest: readonly Step[] = ['hear', 'hear', 'store', 'run', 'look', 'tell', 'tell', 'fetch', 'run', 'commit']
        for (let round = 0; slot.finished < LENGTH; round++) {
          expect(round, 'it is stuck').toBeLessThan(300)
          for (const step of rest) await slot.do(step)
        }
        await slot.do('commit')
        expect(slot.faults).toEqual([])
      },
    ),
    { numRuns: 500 },
  )
}, 60_000)
