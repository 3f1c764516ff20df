import type { TopicPartition } from '../../../kafka/metadata.js'
import { partitionName } from '../../../util/partition-name.js'
import type { MemberSubscription, ReplicaRacks } from './assignor.js'
import type { Claims } from './claims.js'
import { evenOut } from './even-out.js'
import { compareMembers, comparePartitions, compareText } from './order.js'
import { bringNear } from './racks.js'
import { type Piece, Share, type SharedTopic } from './share.js'

const NO_RACKS: ReplicaRacks = new Map()

/**
 * Deals all partitions out: to whom they belong, as far as the shares can be as equal as the members' topics allow. Given
 * its own result as claims it gives the same again.
 *
 * Racks have the last word only: between partitions that change hands anyway. None moves for the sake of a rack.
 */
export const balanced = (
  members: readonly MemberSubscription[],
  claims: Claims,
  partitionCounts: ReadonlyMap<string, number>,
  racks: ReplicaRacks = NO_RACKS,
): Map<MemberSubscription, TopicPartition[]> => {
  const kept = keptByDraining(members, claims, partitionCounts)
  const isKept = new Set([...kept.values()].flat().map(partitionName))
  const stay = members.filter((member) => !kept.has(member))
  const shares = stay.sort(compareMembers).map((member) => new Share(member))
  const pieces = piecesOf(topicsOf(shares), partitionCounts, racks)
  const loose = keep(
    shares,
    isKept.size === 0 ? pieces : pieces.filter((piece) => !isKept.has(partitionName(piece))),
    claims,
  )
  for (const piece of loose) neediest(piece)?.put(piece)
  evenOut(shares, true) // so nothing that somebody owns moves, if it need not
  evenOut(shares, false)
  if (racks.size > 0) bringNear(shares)
  for (const share of shares) kept.set(share.member, share.pieces.map(named))
  return new Map([...kept].map(([member, partitions]) => [member, partitions.sort(comparePartitions)]))
}

/** What members that are about to leave keep until then: what is theirs, and nothing else. */
const keptByDraining = (
  members: readonly MemberSubscription[],
  claims: Claims,
  partitionCounts: ReadonlyMap<string, number>,
): Map<MemberSubscription, TopicPartition[]> =>
  new Map(
    members
      .filter(({ isDraining }) => isDraining)
      .map((member) => {
        const isOwn = (partition: TopicPartition) =>
          claims.ownerOf(partition) === member &&
          member.topics.includes(partition.topic) &&
          partition.partition < (partitionCounts.get(partition.topic) ?? 0)
        return [member, (member.owned ?? []).filter(isOwn)]
      }),
  )

const named = ({ topic, partition }: Piece): TopicPartition => ({ topic, partition })

const topicsOf = (shares: readonly Share[]): SharedTopic[] => {
  const subscribers = new Map<string, Share[]>()
  for (const share of shares) {
    for (const topic of new Set(share.member.topics)) {
      const ofTopic = subscribers.get(topic)
      if (ofTopic === undefined) subscribers.set(topic, [share])
      else ofTopic.push(share)
    }
  }
  const order = new Map(shares.map((share, index) => [share, index]))
  const same = new Map<string, Share[]>()
  const shared = (list: Share[]): Share[] => {
    const key = list.map((share) => order.get(share)).join()
    const before = same.get(key) ?? list
    same.set(key, before)
    return before
  }
  return [...subscribers]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, list], index) => ({ name, index, subscribers: shared(list) }))
}

/** Those first that fewest members may have. */
const piecesOf = (
  topics: readonly SharedTopic[],
  partitionCounts: ReadonlyMap<string, number>,
  racks: ReplicaRacks,
): Piece[] =>
  [...topics]
    .sort((a, b) => a.subscribers.length - b.subscribers.length || a.index - b.index)
    .flatMap((of) =>
      Array.from({ length: partitionCounts.get(of.name) ?? 0 }, (_, partition) => ({
        ...{ topic: of.name, partition, of, isKept: false },
        racks: racks.get(of.name)?.[partition] ?? [],
      })),
    )

/** Everybody keeps what is their own. @returns the rest */
const keep = (shares: readonly Share[], pieces: readonly Piece[], claims: Claims): Piece[] => {
  const shareOf = new Map(shares.map((share) => [share.member, share]))
  return pieces.filter((piece) => {
    const owner = claims.ownerOf(piece)
    const share = owner === null ? undefined : shareOf.get(owner)
    piece.isKept = share?.mayHave(piece) === true
    if (piece.isKept) share?.put(piece)
    return !piece.isKept
  })
}

/** Who has least; of these who is near to a replica, then who has least of the topic. */
const neediest = (piece: Piece): Share | undefined => {
  let found: Share | undefined
  for (const share of piece.of.subscribers) if (found === undefined || needsMore(share, found, piece)) found = share
  return found
}

const needsMore = (a: Share, b: Share, piece: Piece): boolean =>
  (a.size - b.size || b.isNear(piece) - a.isNear(piece) || a.sizeOf(piece.of) - b.sizeOf(piece.of)) < 0
