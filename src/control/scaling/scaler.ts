import type { Logger } from 'pino'
import { shown } from '../../config/issues.js'
import { MAX_WORKERS } from '../../config/layers/read-subscriptions.js'
import type { SlotConfig, WorkersConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { monotonicMs } from '../../util/clock.js'
import { type Deferred, deferred } from '../../util/deferred.js'
import type { PoolScaled } from '../events.js'
import type { Groups } from '../groups.js'
import { Departure } from '../membership/departure.js'
import type { Slot } from '../slot.js'
import { type SlotSet, toLeave } from './slot-set.js'

export type ScalingReason = PoolScaled['reason']

export interface ScalerOptions {
  /** Of each subscription. */
  readonly workers: readonly WorkersConfig[]
  /** Of slots that are foreseen, by number. */
  readonly configs: readonly SlotConfig[]
  /** Of others, all at once: see `Configuration`. */
  readonly more: (slots: readonly number[], subscription: number) => readonly SlotConfig[]
  readonly slots: SlotSet
  readonly groups: Pick<Groups, 'admit' | 'release' | 'grow' | 'shrink'>
  /** Looks whether anything speaks against slots with these configurations, and reaches their clusters. */
  readonly admit: (configs: readonly SlotConfig[]) => Promise<void>
  /** Makes a slot, and enters it in the set. */
  readonly create: (config: SlotConfig) => Slot
  /** There are other slots than before, or others leave. */
  readonly onSlots: () => void
  readonly onScaled: (event: PoolScaled) => void
  readonly drainTimeoutMs: number
  readonly log: Logger
}

interface Wish {
  slots: number
  reason: ScalingReason
  readonly done: Deferred<void>
}

const refused = (message: string): PoolError => new PoolError(ErrorCode.notScaled, message)

const stopped = (cause?: unknown): PoolError =>
  new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it was scaled', { cause })

/**
 * Adds slots to a pool that runs, and removes some, one change after the other. What is added is added as a whole or not
 * at all; what is removed drains as in a stop, and leaves the group for good, also a static member.
 */
export class Scaler {
  readonly #options: ScalerOptions
  readonly #configs: SlotConfig[]
  /** What is wanted next, by subscription. */
  readonly #wishes = new Map<number, Wish>()
  #isBusy = false
  #isClosed = false
  #removal: Promise<boolean> = Promise.resolve(true)

  constructor(options: ScalerOptions) {
    this.#options = options
    this.#configs = [...options.configs]
  }

  /** A change is under way. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /** How many slots a subscription is to have. */
  wantedOf(subscription: number): number {
    const wish = this.#wishes.get(subscription)
    return wish?.slots ?? this.#of(this.#options.slots.wanted, subscription).length
  }

  /**
   * Resolves when the subscription has so many slots, or as many as somebody has asked for meanwhile.
   *
   * @param subscription its place in `subscriptions`; undefined where there is only one
   * @throws {@link PoolError} `KCP_NOT_SCALED`, or why slots cannot be added; then there are as many as before
   */
  async scale(slots: number, subscription: number | undefined, reason: ScalingReason): Promise<void> {
    if (this.#isClosed) throw stopped()
    const place = this.#check(slots, subscription)
    const wish = this.#wishes.get(place) ?? { slots, reason, done: deferred<void>() }
    wish.slots = slots
    wish.reason = reason
    this.#wishes.set(place, wish)
    void this.#work()
    return wish.done.promise
  }

  /**
   * Nothing changes any more. Slots that come are left to whoever stops the pool.
   *
   * @returns whether every handler of those that were leaving came back in time; resolves when they are gone
   */
  close(): Promise<boolean> {
    this.#isClosed = true
    for (const { done } of this.#wishes.values()) done.reject(stopped())
    this.#wishes.clear()
    return this.#removal.catch(() => false)
  }

  #check(slots: number, subscription: number | undefined): number {
    const { workers } = this.#options
    if (subscription === undefined && workers.length > 1) {
      throw refused(
        `scale(): the pool has ${workers.length} subscriptions. Name the one that is meant by its index: scale(4, { subscription: 0 })`,
      )
    }
    const place = subscription ?? 0
    const limits = workers[place]
    if (limits === undefined) {
      throw refused(`there is no subscription ${place}: expected a whole number from 0 to ${workers.length - 1}`)
    }
    if (this.#configs.some((config) => config.subscription === place && config.fixed !== null)) {
      throw refused(
        `scale(): subscriptions[${place}] has fixed partitions (assign), which are dealt to its workers at the start. Change its workers, and restart the pool`,
      )
    }
    const [min, max] = limits.min < limits.max ? [limits.min, limits.max] : [1, MAX_WORKERS]
    if (Number.isInteger(slots) && slots >= min && slots <= max) return place
    const because = limits.min < limits.max ? ', as workers: { min, max } says' : ''
    throw refused(`scale(): expected a whole number from ${min} to ${max}${because}, got ${shown(slots)}`)
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    for (let next = first(this.#wishes); next !== undefined; next = first(this.#wishes)) {
      const [subscription, wish] = next
      this.#wishes.delete(subscription)
      await this.#change(subscription, wish).then(wish.done.resolve, (error: unknown) =>
        wish.done.reject(this.#isClosed ? stopped(error) : error),
      )
    }
    this.#isBusy = false
  }

  async #change(subscription: number, { slots: to, reason }: Wish): Promise<void> {
    const beganAtMs = monotonicMs()
    const present = this.#of(this.#options.slots.wanted, subscription)
    const from = present.length
    if (to === from) return
    const changed = to > from ? await this.#grow(subscription, to - from) : await this.#shrink(present, to)
    const numbers = changed.map(({ config }) => config.slot)
    const [added, removed] = to > from ? [numbers, []] : [[], numbers]
    this.#options.onScaled({ subscription, from, to, reason, added, removed, afterMs: monotonicMs() - beganAtMs })
  }

  async #grow(subscription: number, count: number): Promise<readonly Slot[]> {
    const { slots, groups, admit, create, onSlots } = this.#options
    const configs = this.#free(subscription, count)
    groups.admit(configs)
    await admit(configs)
    if (this.#isClosed) throw stopped()
    groups.grow(configs)
    const coming = configs.map(create)
    onSlots()
    try {
      // As at the start: nothing joins before every handler is loaded.
      await Promise.all(coming.map((slot) => slot.boot()))
      if (!this.#isClosed) await Promise.all(coming.map((slot) => slot.join()))
    } catch (error) {
      if (this.#isClosed) throw error
      this.#options.log.error({ err: error, subscription }, 'slots that were to be added are taken back')
      await this.#remove(coming)
      throw error
    }
    if (this.#isClosed) throw stopped()
    slots.stay(coming)
    return coming
  }

  async #shrink(present: readonly Slot[], to: number): Promise<readonly Slot[]> {
    const leaving = toLeave(present, to)
    const configsOf = (slots: readonly Slot[]) => slots.map(({ config }) => config)
    this.#options.groups.release(configsOf(leaving), configsOf(present.filter((slot) => !leaving.includes(slot))))
    await this.#remove(leaving)
    return leaving
  }

  #remove(leaving: readonly Slot[]): Promise<boolean> {
    this.#removal = this.#drain(leaving)
    return this.#removal
  }

  async #drain(leaving: readonly Slot[]): Promise<boolean> {
    const { slots, groups, onSlots, drainTimeoutMs } = this.#options
    slots.leave(leaving)
    groups.shrink(leaving.map(({ config }) => config))
    onSlots()
    // The others wait for what these hold, so nobody waits for long that has nothing to finish.
    const departure = new Departure(leaving.length, () => false)
    const deadlineMs = monotonicMs() + drainTimeoutMs
    const drained = await Promise.all(leaving.map((slot) => slot.stop(deadlineMs, true, departure)))
    slots.drop(leaving)
    onSlots()
    return drained.every(Boolean)
  }

  /** The lowest numbers that no slot has: first those that are the subscription's, then new ones. */
  #free(subscription: number, count: number): readonly SlotConfig[] {
    const taken = new Set(this.#options.slots.all.map(({ config }) => config.slot))
    const free = this.#configs.filter((config) => config.subscription === subscription && !taken.has(config.slot))
    const found = free.slice(0, count)
    const lacking = count - found.length
    if (lacking === 0) return found
    const numbers = Array.from({ length: lacking }, (_, n) => this.#configs.length + n)
    const more = this.#options.more(numbers, subscription)
    this.#configs.push(...more)
    return [...found, ...more]
  }

  #of(slots: readonly Slot[], subscription: number): readonly Slot[] {
    return slots.filter(({ config }) => config.subscription === subscription)
  }
}

const first = <K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | undefined => map.entries().next().value
