import type { TopicMetadata } from '../../kafka/metadata.js'
import { after } from '../../util/timers.js'
import { Assignors } from './assignors/assignors.js'
import { Departure } from './departure.js'
import { JoinBarrier } from './join-barrier.js'
import { JoinWatch } from './join-watch.js'
import { KnownPartitions } from './known-partitions.js'
import type { Seat } from './seat.js'

/** When siblings are poked after a seat has sent its JoinGroup: soon, and again in case the first came too early. */
const POKE_AFTER_MS = [3, 30]

/** The seats that one pool has in one consumer group. */
export class Group {
  readonly groupId: string
  readonly assignors: Assignors
  /** Of the seats that join next. */
  barrier: JoinBarrier
  readonly departure: Departure
  readonly known = new KnownPartitions()
  readonly joinWatch = new JoinWatch((memberId) =>
    this.seats.some(({ membership }) => membership.memberId === memberId),
  )
  readonly #seats = new Set<Seat>()
  readonly #listeners = new Set<(found: readonly TopicMetadata[]) => void>()
  readonly #pokes = new Set<NodeJS.Timeout>()
  #generation = -1
  #generations = 0

  /** @param seats how many of them will join when the pool starts */
  constructor(groupId: string, seats: number, assignors = new Assignors()) {
    this.groupId = groupId
    this.assignors = assignors
    this.barrier = new JoinBarrier(seats)
    this.departure = new Departure(seats, () => this.isAlone)
  }

  /** Generations that were formed while the pool was a member, the first one included. */
  get generations(): number {
    return this.#generations
  }

  get generation(): number {
    return this.#generation
  }

  get seats(): readonly Seat[] {
    return [...this.#seats]
  }

  /** True when one of the seats leads the group and knows of no members but these. */
  get isAlone(): boolean {
    const own = new Set(this.seats.map(({ membership }) => membership.memberId))
    const leader = this.seats.find(({ isLeader }) => isLeader)
    return leader?.members.every((memberId) => own.has(memberId)) ?? false
  }

  /** So many more seats will join, side by side. */
  grow(seats: number): void {
    this.barrier = new JoinBarrier(seats)
    this.departure.expect(seats)
  }

  /** So many seats leave for good, and the others go on. */
  shrink(seats: number): void {
    this.departure.expect(-seats)
  }

  add(seat: Seat): void {
    this.#seats.add(seat)
  }

  remove(seat: Seat): void {
    this.#seats.delete(seat)
  }

  /** @returns what ends it */
  hearOfTopics(listener: (found: readonly TopicMetadata[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells whoever has fixed partitions of them how the topics are now. */
  tellTopics(found: readonly TopicMetadata[]): void {
    for (const listener of this.#listeners) listener(found)
  }

  noteGeneration(generation: number): void {
    if (generation !== this.#generation) this.#generations += 1
    this.#generation = generation
    this.departure.look()
  }

  /** A seat joins or leaves: its siblings ask the coordinator at once instead of at their next heartbeat. */
  pokeSiblings(of: Seat): void {
    for (const delayMs of POKE_AFTER_MS) {
      const timer = after(() => {
        this.#pokes.delete(timer)
        for (const seat of this.#seats) if (seat !== of) seat.poke()
      }, delayMs)
      this.#pokes.add(timer)
    }
  }

  close(): void {
    this.barrier.open()
    for (const timer of this.#pokes) clearTimeout(timer)
    this.#pokes.clear()
  }
}
