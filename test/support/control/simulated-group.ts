import { encodeAssignment } from '#src/control/membership/assignors/subscription.js'
import type { JoinRequest, JoinResult, Membership } from '#src/kafka/group.js'
import type { TopicPartition } from '#src/kafka/metadata.js'
import type { TopicPartitionOffset } from '#src/kafka/offsets.js'
import type { Diary } from './diary.js'
import type { Dice } from './dice.js'
import { type FakeClient, kafkaError, unanswered } from './fake-client.js'

const PARTITIONS = 4
const CODE = { leaderNotAvailable: 5, notCoordinator: 16, illegalGeneration: 22, unknownMember: 25, rebalance: 27 }
const FENCED = 82

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * A group with one seat of ours and others of whom only the traces are seen: partitions that come and go, and what was
 * handled and committed meanwhile. Its coordinator answers late, not at all, or that it is not the one. It knows what
 * was handled for good, so it sees a commit that goes back or ahead.
 */
export class SimulatedGroup {
  /** Nothing goes wrong any more. */
  calm = false
  /** The coordinator does not answer. */
  away = false
  /** Partition 0 has no leader. */
  leaderless = false
  /** The next request of our seat finds that somebody else has its instance id. */
  fences = false
  /** The lowest offset of each partition that nobody has handled. */
  readonly done: bigint[] = Array.from({ length: PARTITIONS }, () => 0n)
  readonly committed = new Map<number, bigint>()
  /** Partitions that somebody lets go on elsewhere, and how many times at once: commits may go back until that is done. */
  readonly #seeks = new Map<number, number>()
  /** What stands beside that. */
  readonly #notes = new Map<number, string>()
  readonly #isStatic: boolean
  readonly #dice: Dice
  readonly #diary: Diary
  readonly #dead = new Set<string>()
  #member: string | null = null
  #generation = 0
  #rebalances = false
  #assigned: readonly number[] = []
  #serial = 0

  constructor(isStatic: boolean, dice: Dice, diary: Diary) {
    this.#isStatic = isStatic
    this.#dice = dice
    this.#diary = diary
  }

  /** What our seat is assigned. */
  get assigned(): readonly number[] {
    return this.#assigned
  }

  get hasMember(): boolean {
    return this.#member !== null
  }

  get isStable(): boolean {
    return this.hasMember && !this.#rebalances
  }

  /** From now on everything goes well, and the group asks its member to show itself. */
  calmDown(): void {
    this.calm = true
    this.away = false
    this.leaderless = false
    this.fences = false
    this.#rebalances = this.hasMember
  }

  rebalance(): void {
    this.#rebalances = this.hasMember
  }

  /** Our seat is thrown out. */
  kick(): void {
    this.#end()
    this.#generation += 1
  }

  /** Generations go by without our seat. */
  skipGenerations(count: number): void {
    this.#generation += count
    this.#assigned = []
    this.#othersWork()
  }

  /** Gives the client of a seat its answers. */
  answers(client: FakeClient): FakeClient {
    client.findCoordinator = () => this.#delay(client).then(() => 1)
    client.joinGroup = (_node, request) => this.#join(client, request)
    client.syncGroup = async (_node, member) => {
      await this.#delay(client)
      this.#check(member)
      return encodeAssignment(this.#assigned.map((partition) => ({ topic: 'orders', partition })))
    }
    client.heartbeat = async (_node, member) => {
      await this.#delay(client)
      if (this.#isFenced()) {
        this.#end()
        throw kafkaError(FENCED)
      }
      this.#check(member)
    }
    client.leaveGroup = async (_node, { memberId }) => {
      await this.#delay(client)
      if (!this.#isStatic && memberId !== this.#member) return
      this.#diary.event('left the group')
      this.kick()
    }
    return client
  }

  /** Gives the client that the pool shares its answers. */
  answersPool(client: FakeClient): void {
    this.answers(client)
    client.topics = async () => [{ topic: 'orders', error: null, partitions: this.#done.map(this.#leader) }]
    client.committedOffsets = async (_node, _group, partitions) => {
      await this.#delay(client)
      return partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: this.committed.get(partition) ?? -1n,
        metadata: this.#notes.get(partition) ?? '',
      }))
    }
    client.listOffsets = async (partitions, at) => {
      await this.#delay(client)
      if (this.leaderless && partitions.some(({ partition }) => partition === 0))
        throw kafkaError(CODE.leaderNotAvailable)
      const offset = ({ partition }: TopicPartition) => (at === 'earliest' ? 0n : this.doneOf(partition) + 5n)
      return partitions.map(({ topic, partition }) => ({ topic, partition, offset: offset({ topic, partition }) }))
    }
    client.commitOffsets = async (_node, member, offsets) => {
      await this.#delay(client)
      this.#check(member, { inRebalance: true })
      for (const offset of offsets) this.#store(offset)
      if (!this.calm && this.#dice.chance(0.05)) throw unanswered() // stored all the same
      return []
    }
  }

  doneOf(partition: number): bigint {
    return this.done[partition] ?? 0n
  }

  /** From now on the partition may begin anywhere, and what has been handled before says nothing. */
  beginSeek(partition: number): void {
    this.#seeks.set(partition, (this.#seeks.get(partition) ?? 0) + 1)
  }

  endSeek(partition: number): void {
    this.#seeks.set(partition, (this.#seeks.get(partition) ?? 0) - 1)
  }

  begins(partition: number, offset: bigint): boolean {
    if (!this.#seeks.has(partition)) return false
    this.done[partition] = offset
    return true
  }

  hasCommitted(partition: number): boolean {
    return this.committed.has(partition)
  }

  /** Everything before that offset is handled. */
  handled(partition: number, offset: bigint): void {
    if (this.doneOf(partition) < offset) this.done[partition] = offset
  }

  get #done(): readonly number[] {
    return this.done.map((_, partition) => partition)
  }

  readonly #leader = (partition: number) => ({ partition, leader: this.leaderless && partition === 0 ? -1 : 1 })

  async #delay(client: FakeClient): Promise<void> {
    const ms = this.calm ? 1 : this.#dice.chance(0.5) ? 0 : this.#dice.below(this.#dice.chance(0.1) ? 4_000 : 50)
    if (ms > 0) await pause(ms)
    if (client.closed || this.away || (!this.calm && this.#dice.chance(0.03))) throw unanswered()
    if (!this.calm && this.#dice.chance(0.02)) throw kafkaError(CODE.notCoordinator)
  }

  async #join(client: FakeClient, { memberId }: JoinRequest): Promise<JoinResult> {
    await this.#delay(client)
    if (this.#isFenced()) throw kafkaError(FENCED)
    if (memberId === '') {
      const fresh = `member-${++this.#serial}`
      if (!this.#isStatic && this.#dice.chance(0.5)) throw kafkaError(79, 'MEMBER_ID_REQUIRED', fresh)
      this.#member = fresh
    } else if (this.#member === null && !this.#dead.has(memberId)) this.#member = memberId
    const member = this.#member
    if (member === null || (memberId !== '' && memberId !== member)) throw kafkaError(CODE.unknownMember)
    this.#rebalances = true
    if (!this.calm && this.#dice.chance(0.2)) await pause(this.#dice.below(8_000)) // for the others
    if (client.closed) throw unanswered()
    if (this.#member !== member) throw kafkaError(CODE.unknownMember)
    this.#rebalances = false
    this.#generation += 1
    this.#assigned = this.#dice.chance(0.15) ? [] : this.#done.filter(() => this.#dice.chance(0.6))
    this.#diary.event(`${member} joins generation ${this.#generation} and gets [${this.#assigned}]`)
    this.#othersWork()
    return { memberId: member, generation: this.#generation, protocol: 'roundrobin', leaderId: 'another', members: [] }
  }

  /** Refuses who is no member of the present generation. */
  #check({ memberId, generation }: Membership, { inRebalance } = { inRebalance: false }): void {
    if (memberId !== this.#member) throw kafkaError(CODE.unknownMember)
    if (generation !== this.#generation) throw kafkaError(CODE.illegalGeneration)
    if (this.#rebalances && !inRebalance) throw kafkaError(CODE.rebalance)
  }

  #store({ partition, offset, metadata = '' }: TopicPartitionOffset): void {
    const isSought = (this.#seeks.get(partition) ?? 0) > 0
    const before = this.committed.get(partition) ?? 0n
    if (offset < before && !isSought)
      this.#diary.fault(`a commit goes back: partition ${partition} from ${before} to ${offset}`)
    const done = this.doneOf(partition)
    if (offset > done && !isSought)
      this.#diary.fault(`a commit goes ahead: partition ${partition} at ${offset}, handled up to ${done}`)
    this.committed.set(partition, offset)
    this.#notes.set(partition, metadata)
  }

  #isFenced(): boolean {
    const fenced = this.fences
    this.fences = false
    return fenced
  }

  #end(): void {
    if (this.#member !== null) this.#dead.add(this.#member)
    this.#member = null
    this.#assigned = []
    this.#othersWork()
  }

  /** What our seat is not assigned others bring forward. */
  #othersWork(): void {
    for (const partition of this.#done) {
      if (this.#assigned.includes(partition) || this.#dice.chance(0.5)) continue
      const offset = (this.committed.get(partition) ?? 0n) + BigInt(this.#dice.below(5))
      this.committed.set(partition, offset)
      this.#notes.delete(partition)
      this.handled(partition, offset)
    }
  }
}
