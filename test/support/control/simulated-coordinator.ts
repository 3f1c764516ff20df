import { decodeAssignment } from '#src/control/membership/assignors/subscription.js'
import { KafkaCode } from '#src/kafka/error-codes.js'
import type { GroupDescription, JoinRequest, JoinResult, Membership } from '#src/kafka/group.js'
import type { TopicPartitionOffset } from '#src/kafka/offsets.js'
import { monotonicMs } from '#src/util/clock.js'
import type { Diary } from './diary.js'
import { kafkaError } from './fake-client.js'

type State = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

interface Member {
  id: string
  readonly instanceId: string | null
  metadata: Buffer
  protocol: string
  sessionMs: number
  rebalanceMs: number
  heardAtMs: number
  join: ((result: JoinResult | Error) => void) | null
  joined: boolean
  sync: ((result: Buffer | Error) => void) | null
  synced: boolean
  assignment: Buffer
}

/**
 * A group and its coordinator, as far as Kafka's `GroupCoordinator` goes for members that offer one protocol. It knows
 * what was handled for good, so it sees a commit that goes back or ahead.
 */
export class SimulatedCoordinator {
  /** What the group has stored, by partition. */
  readonly committed = new Map<number, bigint>()
  readonly #done: bigint[] = []
  readonly #lastHandler = new Map<number, object>()
  readonly #members = new Map<string, Member>()
  #state: State = 'Empty'
  #generation = 0
  #leader: string | null = null
  readonly #pending = new Map<string, number>()
  #endsAtMs = 0
  /** The group was empty: others may come. */
  #isInitial = false
  #serial = 0
  readonly #diary: Diary

  constructor(diary: Diary) {
    this.#diary = diary
  }

  get isStable(): boolean {
    return this.#state === 'Stable'
  }

  get state(): string {
    return this.#state
  }

  get generation(): number {
    return this.#generation
  }

  has(memberId: string): boolean {
    return this.#members.has(memberId)
  }

  /** The lowest offset of the partition that nobody has handled. */
  doneOf(partition: number): bigint {
    return this.#done[partition] ?? 0n
  }

  /** Everything before that offset is handled. */
  handled(partition: number, offset: bigint, by: object): void {
    if (this.doneOf(partition) < offset) this.#done[partition] = offset
    this.#lastHandler.set(partition, by)
  }

  lastHandledBy(whom: object): number[] {
    return [...this.#lastHandler].flatMap(([partition, by]) => (by === whom ? [partition] : []))
  }

  assignedTo(memberId: string): number[] {
    const member = this.#members.get(memberId)
    return member === undefined ? [] : decodeAssignment(member.assignment).map(({ partition }) => partition)
  }

  /** Throws a member out, as an administrator may. */
  kick(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member !== undefined) this.#remove(member, 'thrown out')
  }

  /** Some time has passed: sessions and rebalances may be over. */
  tick(): void {
    const now = monotonicMs()
    for (const member of [...this.#members.values()])
      if (member.join === null && member.sync === null && now - member.heardAtMs > member.sessionMs)
        this.#remove(member, 'session over')
    for (const [id, until] of this.#pending) if (now > until) this.#pending.delete(id)
    if (this.#state === 'PreparingRebalance' && now >= this.#endsAtMs) this.#completeJoin()
    else if (this.#state === 'PreparingRebalance') this.#maybeComplete()
    else if (this.#state === 'CompletingRebalance' && now >= this.#endsAtMs) {
      for (const member of [...this.#members.values()]) if (!member.synced) this.#remove(member, 'no SyncGroup')
    }
  }

  #prepare(why: string): void {
    if (this.#state === 'PreparingRebalance') return
    const wasEmpty = this.#state === 'Empty'
    this.#diary.event(`rebalance: ${why}`)
    for (const member of this.#members.values()) {
      member.sync?.(kafkaError(KafkaCode.rebalanceInProgress))
      member.sync = null
      member.synced = false
      if (!wasEmpty) member.joined = false
    }
    this.#state = 'PreparingRebalance'
    const longest = Math.max(1_000, ...[...this.#members.values()].map(({ rebalanceMs }) => rebalanceMs))
    this.#endsAtMs = monotonicMs() + (wasEmpty ? 500 : longest)
    this.#isInitial = wasEmpty
  }

  #maybeComplete(): void {
    if (this.#isInitial || this.#pending.size > 0) return
    if ([...this.#members.values()].every(({ joined }) => joined)) this.#completeJoin()
  }

  #completeJoin(): void {
    for (const member of [...this.#members.values()])
      if (!member.joined && member.instanceId === null) {
        this.#diary.event(`${member.id} has not joined again and is out`)
        this.#members.delete(member.id)
      }
    this.#isInitial = false
    this.#generation += 1
    if (this.#members.size === 0) {
      this.#state = 'Empty'
      this.#leader = null
      return
    }
    if (this.#leader === null || !this.#members.get(this.#leader)?.joined) {
      const next = [...this.#members.values()].find(({ joined }) => joined)
      if (next === undefined) {
        this.#endsAtMs = monotonicMs() + 10_000
        return
      }
      this.#leader = next.id
    }
    this.#state = 'CompletingRebalance'
    this.#diary.event(`generation ${this.#generation}: ${[...this.#members.keys()].join(' ')}, led by ${this.#leader}`)
    const longest = Math.max(...[...this.#members.values()].map(({ rebalanceMs }) => rebalanceMs))
    this.#endsAtMs = monotonicMs() + longest
    for (const member of this.#members.values()) {
      member.synced = false
      member.heardAtMs = monotonicMs()
      member.join?.(this.#joinResult(member))
      member.join = null
    }
  }

  #joinResult(member: Member): JoinResult {
    const all = [...this.#members.values()].map(({ id, instanceId, metadata }) => ({
      memberId: id,
      instanceId,
      metadata,
    }))
    return {
      generation: this.#generation,
      protocol: member.protocol,
      leaderId: this.#leader ?? '',
      memberId: member.id,
      members: member.id === this.#leader ? all : [],
    }
  }

  join(request: JoinRequest): JoinResult | Promise<JoinResult> {
    const { memberId, instanceId, protocols } = request
    const metadata = protocols[0]?.metadata ?? Buffer.alloc(0)
    const owner =
      instanceId === null ? undefined : [...this.#members.values()].find((each) => each.instanceId === instanceId)
    if (owner !== undefined && memberId !== '' && owner.id !== memberId) throw kafkaError(KafkaCode.fencedInstanceId)
    let member = this.#members.get(memberId)
    if (memberId === '') {
      const id = `member-${++this.#serial}`
      if (instanceId === null) {
        this.#pending.set(id, monotonicMs() + request.sessionTimeoutMs)
        throw kafkaError(KafkaCode.memberIdRequired, 'MEMBER_ID_REQUIRED', id)
      }
      if (owner !== undefined) {
        this.#members.delete(owner.id)
        owner.join?.(kafkaError(KafkaCode.fencedInstanceId))
        owner.sync?.(kafkaError(KafkaCode.fencedInstanceId))
        const wasLeader = this.#leader
        const same = owner.metadata.equals(metadata)
        member = { ...owner, id, metadata, join: null, sync: null, heardAtMs: monotonicMs() }
        this.#members.set(id, member)
        if (this.#leader === owner.id) this.#leader = id
        this.#diary.event(`${owner.id} is ${id} now`)
        if (this.#state === 'Stable' && same)
          return {
            generation: this.#generation,
            protocol: member.protocol,
            leaderId: wasLeader ?? '',
            memberId: id,
            members: [],
          }
        if (this.#state === 'Stable' || this.#state === 'CompletingRebalance') this.#prepare(`${id} replaced`)
      } else member = this.#add(id, request, metadata)
    } else if (member === undefined) {
      if (!this.#pending.delete(memberId)) throw kafkaError(KafkaCode.unknownMemberId)
      member = this.#add(memberId, request, metadata)
    } else {
      const same = member.metadata.equals(metadata)
      member.metadata = metadata
      member.heardAtMs = monotonicMs()
      if (this.#state === 'CompletingRebalance' && same) return this.#joinResult(member)
      if (this.#state === 'Stable' && same && member.id !== this.#leader) return this.#joinResult(member)
      if (this.#state !== 'PreparingRebalance') this.#prepare(`${member.id} joins again`)
    }
    const joining = member
    joining.joined = true
    joining.join?.(kafkaError(KafkaCode.unknownMemberId))
    return new Promise((resolve, reject) => {
      joining.join = (result) => (result instanceof Error ? reject(result) : resolve(result))
    })
  }

  #add(
    id: string,
    { instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocols }: JoinRequest,
    metadata: Buffer,
  ): Member {
    this.#prepare(`${id} comes`)
    const member: Member = {
      ...{ id, instanceId, metadata, protocol: protocols[0]?.name ?? '' },
      ...{ sessionMs: sessionTimeoutMs, rebalanceMs: rebalanceTimeoutMs, heardAtMs: monotonicMs() },
      ...{ join: null, joined: true, sync: null, synced: false, assignment: Buffer.alloc(0) },
    }
    this.#members.set(id, member)
    return member
  }

  #known({ memberId, generation, instanceId }: Membership): Member {
    const owner =
      instanceId === null ? undefined : [...this.#members.values()].find((each) => each.instanceId === instanceId)
    if (owner !== undefined && owner.id !== memberId) throw kafkaError(KafkaCode.fencedInstanceId)
    const member = this.#members.get(memberId)
    if (member === undefined) throw kafkaError(KafkaCode.unknownMemberId)
    if (generation !== this.#generation) throw kafkaError(KafkaCode.illegalGeneration)
    member.heardAtMs = monotonicMs()
    return member
  }

  sync(who: Membership, assignments: readonly { memberId: string; assignment: Buffer }[]): Buffer | Promise<Buffer> {
    const member = this.#known(who)
    if (this.#state === 'PreparingRebalance') throw kafkaError(KafkaCode.rebalanceInProgress)
    if (this.#state === 'Stable') {
      member.synced = true
      return member.assignment
    }
    member.synced = true
    if (member.id === this.#leader) {
      for (const each of this.#members.values()) {
        each.assignment = assignments.find(({ memberId }) => memberId === each.id)?.assignment ?? Buffer.alloc(0)
      }
      this.#state = 'Stable'
      this.#diary.event(`stable: ${[...this.#members.keys()].map((id) => `${id}[${this.assignedTo(id)}]`).join(' ')}`)
      for (const each of this.#members.values()) {
        each.heardAtMs = monotonicMs()
        each.sync?.(each.assignment)
        each.sync = null
      }
      return member.assignment
    }
    member.sync?.(kafkaError(KafkaCode.unknownMemberId))
    return new Promise((resolve, reject) => {
      member.sync = (result) => (result instanceof Error ? reject(result) : resolve(result))
    })
  }

  heartbeat(who: Membership): void {
    this.#known(who)
    if (this.#state === 'PreparingRebalance') throw kafkaError(KafkaCode.rebalanceInProgress)
  }

  leave({ memberId, instanceId }: Omit<Membership, 'generation'>): void {
    if (this.#pending.delete(memberId)) {
      this.#diary.event(`${memberId} leaves, pending`)
      return
    }
    const owner =
      instanceId === null ? undefined : [...this.#members.values()].find((each) => each.instanceId === instanceId)
    if (owner !== undefined && memberId !== '' && owner.id !== memberId) throw kafkaError(KafkaCode.fencedInstanceId)
    const member = owner ?? this.#members.get(memberId)
    if (member === undefined) throw kafkaError(KafkaCode.unknownMemberId)
    this.#remove(member, 'leaves')
  }

  #remove(member: Member, why: string): void {
    this.#diary.event(`${member.id} is out: ${why}`)
    this.#members.delete(member.id)
    member.join?.(kafkaError(KafkaCode.unknownMemberId))
    member.sync?.(kafkaError(KafkaCode.unknownMemberId))
    if (this.#leader === member.id) this.#leader = null
    if (this.#members.size === 0) {
      this.#state = 'Empty'
      this.#generation += 1
    } else if (this.#state !== 'PreparingRebalance') this.#prepare(`${member.id} is out`)
    else this.#maybeComplete()
  }

  describe(): GroupDescription {
    const members = [...this.#members.values()].map(({ id, instanceId, metadata, assignment }) => ({
      ...{ memberId: id, instanceId, clientId: id, host: '/h' },
      metadata: this.isStable ? metadata : Buffer.alloc(0),
      assignment: this.isStable ? assignment : Buffer.alloc(0),
    }))
    return { state: this.#state, members }
  }

  commit(who: Membership, offsets: readonly TopicPartitionOffset[]): [] {
    this.#known(who)
    if (this.#state === 'CompletingRebalance') throw kafkaError(KafkaCode.rebalanceInProgress)
    for (const { partition, offset } of offsets) {
      const before = this.committed.get(partition) ?? 0n
      if (offset < before) this.#diary.fault(`a commit goes back: partition ${partition} from ${before} to ${offset}`)
      if (offset > this.doneOf(partition)) this.#diary.fault(`a commit goes ahead: ${partition} at ${offset}`)
      this.committed.set(partition, offset)
    }
    return []
  }
}
