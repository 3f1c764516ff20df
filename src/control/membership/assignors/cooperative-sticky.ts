import type { Assignor } from './assignor.js'
import { Claims } from './claims.js'
import { balanced } from './sticky.js'

/**
 * Who has a partition keeps it as long as the shares stay as equal as can be; what has to move is given up in one
 * generation and handed on in the next (KIP-429). Members of Java (`CooperativeStickyAssignor`) and of librdkafka
 * understand it, whichever of us leads.
 *
 * The shares are the most equal ones that the members' topics allow, and the second round is always the last: what is not
 * claimed there can be dealt out so that nothing else has to move. Java's are not always either, when topics differ.
 */
export const cooperativeSticky: Assignor = {
  isCooperative: true,
  assign: (members, partitionCounts, racks) => {
    const claims = new Claims(members)
    const shares = balanced(members, claims, partitionCounts, racks)
    return new Map(
      [...shares].map(([member, partitions]) => [
        member.memberId,
        partitions.filter((partition) => claims.allow(member, partition)),
      ]),
    )
  },
}
