import { Control } from '#src/protocol/ledger.js'
import type { AssignedPartition } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import type { Diary } from './diary.js'
import type { Dice } from './dice.js'
import type { FakeIncarnation, FakeThreads } from './fake-threads.js'

/** A partition that a thread has taken up. */
interface Part {
  readonly id: number
  readonly partition: number
  readonly page: Page
  readonly index: number
  offset: bigint
  /** The message that is handled alone, and the one that is not handled at all. */
  readonly suspect: string | undefined
  readonly convicted: string | undefined
  /** It has said that it stands still, or main knows. */
  halted: boolean
  /** It will be taken away. */
  closing: boolean
}

/** Messages that kill the thread that handles them, and what has come of it. */
export class Killers {
  readonly limit: number
  /** They kill still. */
  readonly keys = new Set<string>()
  /** What was in flight when any thread died, for whatever reason. */
  readonly seen = new Set<string>()
  /** The last of those in each partition: of one that is behind it in the log nothing is remembered, should that be back. */
  readonly #last = new Map<number, string>()
  /** How many threads each has killed while nothing else was in flight. */
  readonly #alone = new Map<string, number>()
  /** How often it was to be handled once more after it had killed enough. */
  readonly #pardons = new Map<string, number>()
  readonly #exempt = new Set<number>()

  /** @param limit how many threads each may kill */
  constructor(limit: number) {
    this.limit = limit
  }

  saw(part: Part): void {
    const key = keyOf(part)
    const before = this.#last.get(part.partition) ?? key
    if (before !== key) this.#alone.delete(before)
    this.#last.set(part.partition, key)
    this.seen.add(key)
  }

  /** Somebody has let the partition go on elsewhere: what is held against its messages is forgotten, sooner or later. */
  exempt(partition: number): void {
    this.#exempt.add(partition)
  }

  /** Whether the pool must know that it kills. */
  isKnown(part: Part): boolean {
    return (
      !this.#exempt.has(part.partition) && this.keys.has(keyOf(part)) && this.#last.get(part.partition) === keyOf(part)
    )
  }

  pardon(key: string): void {
    this.#pardons.set(key, (this.#pardons.get(key) ?? 0) + 1)
  }

  /** @returns whether that is more often than it may */
  killsAlone(key: string): boolean {
    const times = (this.#alone.get(key) ?? 0) + 1
    this.#alone.set(key, times)
    return !this.#exempt.has(Number(key.split('@', 1))) && times > this.limit + (this.#pardons.get(key) ?? 0)
  }
}

const isLive = ({ page, index }: Part): boolean => !page.isRevoked(index)

const keyOf = ({ partition, offset }: Pick<Part, 'partition' | 'offset'>): string => `${partition}@${offset}`

/** What one thread does: takes up what it is handed, and handles message after message while it may. */
class SimulatedThread {
  readonly #thread: FakeIncarnation
  readonly #options: SimulatedThreadsOptions
  readonly #parts = new Map<number, Part>()
  #seen = 0
  #flight: { readonly part: Part; readonly untilMs: number } | null = null
  #isReady = false
  isGone = false

  constructor(thread: FakeIncarnation, options: SimulatedThreadsOptions) {
    this.#thread = thread
    this.#options = options
    void thread.exited.then(() => {
      this.isGone = true
      if (this.#flight !== null) options.killers?.saw(this.#flight.part)
    })
  }

  get partitions(): readonly number[] {
    return [...this.#parts.values()].map(({ partition }) => partition).sort((a, b) => a - b)
  }

  /** A little later. */
  step(): void {
    if (this.isGone || !this.#gets() || !this.#answers()) return
    this.#listen()
    const { ledger } = this.#thread
    const nowMs = monotonicMs()
    if (this.#flight !== null) {
      if (nowMs >= this.#flight.untilMs) this.#land(this.#flight.part)
      return
    }
    const mayBegin =
      (ledger.control & (Control.rebalance | Control.stop | Control.recycle)) === 0 && ledger.leaseLeftMs(nowMs) > 0
    if (mayBegin) this.#work()
  }

  #gets(): boolean {
    const { group, dice, diary } = this.#options
    if (this.#isReady) return true
    if (!group.calm && dice.chance(0.7)) return false
    if (!group.calm && this.#thread.incarnation > 1 && dice.chance(0.15)) {
      diary.event('the thread dies while it loads')
      this.#thread.crash()
      return false
    }
    this.#isReady = true
    this.#thread.boot()
    return true
  }

  #answers(): boolean {
    const { group, dice } = this.#options
    if (!this.#thread.silent) return true
    if (!group.calm && dice.chance(0.8)) return false
    this.#thread.ledger.endHook()
    this.#thread.answer()
    return true
  }

  #listen(): void {
    const { requests, ledger } = this.#thread
    for (; this.#seen < requests.length; this.#seen++) {
      const request = requests[this.#seen]
      if (request?.type === 'revoke') {
        for (const id of request.partitionIds) this.#close(id)
      }
      if (request?.type !== 'assign') continue
      for (const id of request.removed) this.#parts.delete(id)
      for (const added of request.added) this.#takeUp(added, Page.from(request.page))
    }
    if ((ledger.control & Control.revoked) !== 0) ledger.clear(Control.revoked)
    for (const part of this.#parts.values()) if (!isLive(part)) this.#parts.delete(part.id)
  }

  #close(id: number): void {
    const part = this.#parts.get(id)
    if (part !== undefined) part.closing = true
  }

  #takeUp({ id, partition, index, offset: from, suspect, convicted }: AssignedPartition, page: Page): void {
    const { group, diary, killers } = this.#options
    if (page.isRevoked(index)) return // before the thread was there, which hears of both at once
    const offset = BigInt(from)
    const isSought = group.begins?.(partition, offset) ?? false
    const done = group.doneOf(partition)
    if (offset > done && !isSought)
      diary.fault(`partition ${partition} begins at ${offset}, handled up to ${done}: some are skipped`)
    // One may have come back in between, see SimulatedPool.
    if (offset + 1n < done && group.repeatsNothing === true)
      diary.fault(`partition ${partition} begins at ${offset}, handled up to ${done}: some are repeated`)
    const others = [...this.#parts.values()].filter((part) => part.partition === partition)
    if (others.some(isLive)) diary.fault(`two live copies of partition ${partition} in a thread`)
    const part = {
      id,
      partition,
      page,
      index,
      offset,
      suspect: suspect?.offset,
      convicted: convicted?.offset,
      halted: false,
      closing: false,
    }
    if (killers?.isKnown(part) && part.suspect !== from && part.convicted !== from)
      diary.fault(`${keyOf(part)} has killed, and the next thread is not told`)
    this.#parts.set(id, part)
  }

  #work(): void {
    const { group, dice, diary, poisoned, killers } = this.#options
    for (const part of this.#parts.values()) {
      if (part.halted || part.closing || (!group.calm && dice.chance(0.5))) continue
      const { partition, page, index, offset } = part
      if (group.isPaused?.(partition)) diary.fault(`partition ${partition} is handled, and a user has paused it`)
      if (group.calm && group.isStable && !group.assigned.includes(partition))
        diary.fault(`partition ${partition} is handled, and is not assigned`)
      page.fetched(index, Number(offset), Number(offset) + 3)
      const key = keyOf(part)
      if (part.convicted === String(offset)) {
        part.halted = true // main knows why
        continue
      }
      if (!group.calm && dice.chance(0.02)) poisoned.add(key)
      const mayKill = !group.calm && group.hasCommitted?.(partition) === true && killers?.seen.has(key) === false
      if (mayKill && dice.chance(0.02)) killers?.keys.add(key)
      if (killers?.keys.has(key)) {
        this.#die(part, killers)
        return
      }
      if (!group.calm && poisoned.has(key)) {
        if (dice.chance(0.3)) poisoned.delete(key)
        this.#halt(part)
      } else if (dice.chance(0.05)) {
        this.#begin(part)
        return
      } else this.#finish(part)
    }
  }

  /** It kills its thread: with company, if it is not to be alone. */
  #die(part: Part, killers: Killers): void {
    const { dice, diary } = this.#options
    const { ledger } = this.#thread
    const key = keyOf(part)
    const isAlone = part.suspect === String(part.offset) || dice.chance(0.5)
    const mayBeThere = (each: Part) =>
      each.partition !== part.partition && !each.halted && each.suspect === undefined && !killers.keys.has(keyOf(each))
    const neighbour = isAlone ? undefined : dice.one([...this.#parts.values()].filter(mayBeThere))
    ledger.begin(0, part.id, Number(part.offset), 1, monotonicMs())
    if (neighbour !== undefined) ledger.begin(1, neighbour.id, Number(neighbour.offset), 1, monotonicMs())
    else if (killers.killsAlone(key)) diary.fault(`${key} has killed more than ${killers.limit} threads`)
    killers.saw(part)
    if (neighbour !== undefined) killers.saw(neighbour)
    diary.event(`${key} kills its thread${neighbour === undefined ? '' : `, beside ${keyOf(neighbour)}`}`)
    this.#thread.crash()
  }

  #halt(part: Part): void {
    part.halted = true
    const where = { partitionId: part.id, offset: String(part.offset), error: { name: 'Error', message: 'bad' } }
    if (this.#options.dice.chance(0.5)) this.#thread.say({ type: 'partition-paused', ...where })
    else this.#thread.say({ type: 'failed', ...where, attempt: 1, retryInMs: null, outcome: 'paused' })
  }

  #begin(part: Part): void {
    const { group, dice } = this.#options
    const ms = dice.below(!group.calm && dice.chance(0.1) ? 40_000 : 2_000)
    this.#thread.ledger.begin(0, part.id, Number(part.offset), 1, monotonicMs())
    this.#flight = { part, untilMs: monotonicMs() + ms }
  }

  #land(part: Part): void {
    if (this.#parts.get(part.id) === part) this.#finish(part)
    this.#thread.ledger.end(0)
    this.#flight = null
  }

  #finish(part: Part): void {
    part.offset += 1n
    part.page.finish(part.index, Number(part.offset))
    this.#thread.ledger.countFinished()
    this.#options.group.handled(part.partition, part.offset)
  }
}

/** What threads need of the group of which their slot has a seat. */
export interface SimulatedWorld {
  /** Nothing goes wrong any more. */
  readonly calm: boolean
  readonly isStable: boolean
  /** What the slot's seat is assigned. */
  readonly assigned: readonly number[]
  /** Nothing happens that may cost finished work, but for a message that was in flight. @default false */
  readonly repeatsNothing?: boolean
  /** The lowest offset of the partition that nobody has handled. */
  doneOf(partition: number): bigint
  /** Everything before that offset is handled. */
  handled(partition: number, offset: bigint): void
  /** A thread takes it up there. @returns whether it may begin anywhere @default no */
  begins?(partition: number, offset: bigint): boolean
  /** @default never */
  isPaused?(partition: number): boolean
  /** Whether what is held against its messages is known to whoever has it next. @default no */
  hasCommitted?(partition: number): boolean
}

interface SimulatedThreadsOptions {
  readonly group: SimulatedWorld
  readonly dice: Dice
  readonly diary: Diary
  /** Messages that stop their partition. */
  readonly poisoned: Set<string>
  /** @default none */
  readonly killers?: Killers
}

/** Brings a slot's fake threads to life. They sometimes die while they load, fall silent, or take long over a message. */
export class SimulatedThreads {
  readonly #threads: FakeThreads
  readonly #options: SimulatedThreadsOptions
  readonly #known = new Map<FakeIncarnation, SimulatedThread>()

  constructor(threads: FakeThreads, options: Omit<SimulatedThreadsOptions, 'poisoned'>) {
    this.#threads = threads
    this.#options = { ...options, poisoned: new Set() }
  }

  /** A little later. */
  step(): void {
    this.#last?.step()
  }

  /** The thread that lives now, for the player to do harm to. */
  get living(): FakeIncarnation | null {
    return this.#last === undefined || this.#last.isGone ? null : this.#threads.last
  }

  /** What it has taken up. */
  get partitions(): readonly number[] {
    return this.#last?.partitions ?? []
  }

  get #last(): SimulatedThread | undefined {
    const thread = this.#threads.all.at(-1)
    if (thread === undefined) return undefined
    const simulated = this.#known.get(thread) ?? new SimulatedThread(thread, this.#options)
    this.#known.set(thread, simulated)
    return simulated
  }
}
