import type { TopicPartition } from '../../../kafka/metadata.js'
import { partitionName } from '../../../util/partition-name.js'
import type { MemberSubscription } from './assignor.js'

/** Some members, or one of them, say of a partition that it is theirs. */
interface Claim {
  /** The youngest generation in which one of them got it. */
  generation: number
  /** Who got it then; null when that are two, and nobody can know whose it is. */
  owner: MemberSubscription | null
}

/** What the members of a group say that they own. */
export class Claims {
  readonly #byName = new Map<string, Claim>()

  constructor(members: readonly MemberSubscription[]) {
    for (const member of members) for (const partition of member.owned ?? []) this.#claim(member, partition)
  }

  /** Whose the partition is; null when it is nobody's, or nobody can know. */
  ownerOf(partition: TopicPartition): MemberSubscription | null {
    return this.#byName.get(partitionName(partition))?.owner ?? null
  }

  /**
   * Whether the member may be given the partition at once. Not while another one may still work on it: that one has to hear
   * first that it is not its own any more.
   *
   * @see KIP-429
   */
  allow(member: MemberSubscription, partition: TopicPartition): boolean {
    const claim = this.#byName.get(partitionName(partition))
    return claim === undefined || claim.owner === member
  }

  #claim(member: MemberSubscription, partition: TopicPartition): void {
    const { generation = -1 } = member
    const name = partitionName(partition)
    const claim = this.#byName.get(name)
    if (claim === undefined) this.#byName.set(name, { generation, owner: member })
    else if (generation > claim.generation) Object.assign(claim, { generation, owner: member })
    else if (generation === claim.generation && claim.owner !== member) claim.owner = null
  }
}
