import { randomBytes } from 'node:crypto'

/** Longest `client.id` that the pool makes, and longest `group.instance.id` that Kafka takes. */
const MAX_ID_LENGTH = 249

const TIME_LENGTH = '1795240658.024123'.length
const RANDOM_LENGTH = 11
/** Room for a slot number up to 9999, or for `pool`. */
const LABEL_LENGTH = 4

/** Longest base of a client id that leaves room for `-<slot>-<time>-<random>`. */
export const MAX_CLIENT_ID_BASE = MAX_ID_LENGTH - LABEL_LENGTH - TIME_LENGTH - RANDOM_LENGTH - 3

const SAFE = /^[A-Za-z0-9._-]+$/

/** What is wrong with the base of a client id, as the end of a sentence that begins with it, or `undefined`. */
export const clientIdBaseFault = (base: string): string | undefined => {
  if (base === '') return 'is empty'
  if (!SAFE.test(base)) return 'has characters outside A-Z a-z 0-9 . _ -, which quotas, ACLs and metrics trip over'
  if (base.length > MAX_CLIENT_ID_BASE) {
    return `has ${base.length} characters; ${MAX_CLIENT_ID_BASE} leave room for -<slot>-<time>-<random>`
  }
  return undefined
}

/**
 * What is wrong with a `group.instance.id`, as the end of a sentence that begins with it, or `undefined`. The rules are
 * the broker's own (those of a topic name: KIP-345, `JoinGroupRequest.validateGroupInstanceId`).
 */
export const instanceIdFault = (id: string): string | undefined => {
  if (id === '') return 'is empty'
  if (id === '.' || id === '..') return 'is "." or "..", which Kafka does not allow'
  if (!SAFE.test(id)) return 'has characters outside A-Z a-z 0-9 . _ -'
  if (id.length > MAX_ID_LENGTH) return `has ${id.length} characters; Kafka allows ${MAX_ID_LENGTH}`
  return undefined
}

const PLACEHOLDER = '{slot}'

/**
 * The `group.instance.id` of one slot, made of the id that the user gave for many. A user who places the number himself
 * (`{slot}`) gets it there; else a single slot uses the id as it is, and each of several gets `<id>-<number>`, because
 * two members with one instance id fence each other.
 *
 * @param number the slot's number within its group, from 0, counted through all subscriptions of the group
 * @param slotsInGroup how many slots the process has in the group
 */
export const instanceIdFor = (userId: string, number: number, slotsInGroup: number): string => {
  if (userId.includes(PLACEHOLDER)) return userId.replaceAll(PLACEHOLDER, String(number))
  return slotsInGroup === 1 ? userId : `${userId}-${number}`
}

/** Every value that occurs more than once, each with the indexes at which it stands. */
export const duplicates = (ids: readonly (string | null)[]): { id: string; at: number[] }[] => {
  const places = new Map<string, number[]>()
  ids.forEach((id, index) => {
    if (id !== null) places.set(id, [...(places.get(id) ?? []), index])
  })
  return [...places].filter(([, at]) => at.length > 1).map(([id, at]) => ({ id, at }))
}

export interface ClientIdSources {
  /** Milliseconds since the epoch, with fractions. @default the wall clock */
  readonly now?: () => number
  /** Cryptographically secure bytes. @default crypto.randomBytes */
  readonly random?: (bytes: number) => Uint8Array
}

/** Microseconds since the epoch; every call gives a later one, even when the clock is set back. */
const strictlyIncreasing = (nowMs: () => number): (() => number) => {
  let last = 0
  return () => {
    last = Math.max(Math.floor(nowMs() * 1000), last + 1)
    return last
  }
}

// Date ends at the millisecond. What follows the millisecond need not be exact, only fine enough to differ.
const wallClockMs = (): number => Date.now() + (performance.now() % 1)

/** One for the process: pools beside each other make no equal times either. */
const processMicros = strictlyIncreasing(wallClockMs)

/**
 * Makes the `client.id` of a client at the moment it is made: `<base>-<slot>-<time>-<random>`, for instance
 * `orders-03-1795240658.024123-9f86d081884`.
 *
 * The slot stands before the time because assignors sort member ids, which begin with the client id: what changes at
 * every restart must not decide the order. The time strictly increases within the process, even when the wall clock
 * is set back.
 */
export class ClientIds {
  readonly #micros: () => number
  readonly #random: (bytes: number) => Uint8Array

  constructor({ now, random = randomBytes }: ClientIdSources = {}) {
    this.#micros = now === undefined ? processMicros : strictlyIncreasing(now)
    this.#random = random
  }

  /**
   * @param slot the slot's number, or a word (`pool`) for a client that belongs to no slot
   * @throws RangeError when the base or the word cannot be part of a client id
   */
  next(base: string, slot: number | string): string {
    const fault = clientIdBaseFault(base)
    if (fault !== undefined) throw new RangeError(`the client id "${base}" ${fault}`)
    const label = typeof slot === 'number' ? String(slot).padStart(2, '0') : slot
    if (!SAFE.test(label) || label.length > LABEL_LENGTH) {
      throw new RangeError(`"${label}" cannot stand in a client id: expected 1 to ${LABEL_LENGTH} letters or digits`)
    }
    return `${base}-${label}-${seconds(this.#micros())}-${hex(this.#random, RANDOM_LENGTH)}`
  }
}

// In whole numbers: a double has no room for seconds with six exact decimals after arithmetic.
const seconds = (micros: number): string => `${Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`

const hex = (random: (bytes: number) => Uint8Array, length: number): string =>
  Buffer.from(random(Math.ceil(length / 2)))
    .toString('hex')
    .slice(0, length)
