import { setImmediate as turn } from 'node:timers/promises'
import { ErrorCode, PoolError } from '../../../errors.js'
import type { GroupAssignment, MemberSubscription, ReplicaRacks } from './assignor.js'
import { askThread, LIMIT_MS, type OwnProtocol } from './assignor-thread.js'
import { checkedAssignment } from './checked-assignment.js'
import { Claims } from './claims.js'
import { assignorNamed } from './index.js'

/** What more members times partitions than this are dealt out in is a thread of its own, lest the main thread stand still. */
const LARGE = 50 * 1_000

/** What a member offers to the group under one name. */
export interface Protocol {
  readonly name: string
  readonly isCooperative: boolean
}

/** The assignors of a pool: ours, and those of the user, whose code runs in no thread but its own. */
export class Assignors {
  /** By the module that exports it. */
  readonly #own = new Map<string, OwnProtocol>()

  /**
   * Looks what the modules among these names export. Until then they are not known.
   *
   * @throws {@link PoolError} `KCP_MODULE_NOT_USABLE`
   */
  async load(names: Iterable<string>, timeoutMs: number): Promise<void> {
    for (const module of new Set(names)) {
      if (assignorNamed(module) !== undefined || this.#own.has(module)) continue
      const protocol = await askThread({ module, question: null }, timeoutMs)
      const other = [...this.#own].find(([, { name }]) => name === protocol.name)
      if (assignorNamed(protocol.name) !== undefined || other !== undefined) {
        const whose = other === undefined ? 'an assignor of this package' : `that of the module ${other[0]}`
        const what = `the assignor of the module ${module} has the name of ${whose}, "${protocol.name}"`
        throw new PoolError(
          ErrorCode.moduleNotUsable,
          `${what}. Export another name, which all members of the group know`,
        )
      }
      this.#own.set(module, protocol)
    }
  }

  /** What a member offers that lists these, in the same order. */
  protocolsOf(names: readonly string[]): Protocol[] {
    return names.map((name) => {
      const protocol = this.#own.get(name)
      if (protocol !== undefined) return protocol
      const isCooperative = assignorNamed(name)?.isCooperative
      if (isCooperative === undefined) throw new PoolError(ErrorCode.internal, `the assignor ${name} was not loaded`)
      return { name, isCooperative }
    })
  }

  /** A seat gives everything up before it joins if one of its assignors wants that, as Java's members do. */
  isCooperative(names: readonly string[]): boolean {
    return this.protocolsOf(names).every(({ isCooperative }) => isCooperative)
  }

  /**
   * @param protocol the name that the group has chosen
   * @param sessionMs the leader's: it sends no heartbeat meanwhile, and has to send the answer in time
   * @throws {@link PoolError} `KCP_PROTOCOL_REFUSED` when it is none of ours, `KCP_MODULE_NOT_USABLE` when the user's own
   *   assignor throws or assigns what cannot be
   */
  async assign(
    protocol: string,
    members: readonly MemberSubscription[],
    partitionCounts: ReadonlyMap<string, number>,
    racks: ReplicaRacks,
    sessionMs = Number.POSITIVE_INFINITY,
  ): Promise<GroupAssignment> {
    const limitMs = Math.min(LIMIT_MS, sessionMs / 2)
    const question = { protocol, members, partitionCounts, racks }
    const own = [...this.#own].find(([, { name }]) => name === protocol)
    if (own !== undefined) {
      const [module, { isCooperative }] = own
      const assignment = checkedAssignment(await askThread({ module, question }, limitMs), question, module)
      return isCooperative ? allowed(assignment, members) : assignment
    }
    const assignor = assignorNamed(protocol)
    if (assignor === undefined) {
      throw new PoolError(
        ErrorCode.protocolRefused,
        `the group chose the assignor "${protocol}", which was not offered`,
      )
    }
    const partitions = [...partitionCounts.values()].reduce((sum, count) => sum + count, 0)
    if (members.length * partitions > LARGE) {
      const answer = new Map(await askThread({ module: null, question }, limitMs))
      await turn() // to take it in has taken a while already, and so does what comes next
      return answer
    }
    return assignor.assign(members, partitionCounts, racks)
  }
}

/** What somebody else may still work on waits for the next generation (KIP-429). */
const allowed = (assignment: GroupAssignment, members: readonly MemberSubscription[]): GroupAssignment => {
  const claims = new Claims(members)
  for (const member of members) {
    const partitions = assignment.get(member.memberId) ?? []
    assignment.set(
      member.memberId,
      partitions.filter((partition) => claims.allow(member, partition)),
    )
  }
  return assignment
}
