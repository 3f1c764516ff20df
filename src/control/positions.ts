import type { Connection, TopicPartition } from '../kafka/face.js'
import type { Coordinator } from './coordinator.js'
import { type NewHolding, partitionKey } from './holdings.js'

export interface ResetPolicy {
  readonly fromBeginning: boolean
  readonly readUncommitted: boolean
}

/** What the group has committed, by partition key; -1n where that is nothing. */
export const committedOffsets = async (
  shared: Coordinator,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, bigint>> => {
  if (partitions.length === 0) return new Map()
  const found = await shared.ask((connection, node) => connection.committedOffsets(node, groupId, partitions))
  return new Map(found.map((entry) => [partitionKey(entry), entry.offset]))
}

/**
 * Where each partition starts: at the committed offset, or where the reset policy says when the group has committed
 * nothing there. Such a start is itself committed later, so that it is the same for whoever gets the partition next.
 */
export const startPositions = async (
  connection: Connection,
  partitions: readonly TopicPartition[],
  committed: ReadonlyMap<string, bigint>,
  policy: ResetPolicy,
): Promise<NewHolding[]> => {
  const known = (partition: TopicPartition): bigint => committed.get(partitionKey(partition)) ?? -1n
  const fresh = partitions.filter((partition) => known(partition) < 0n)
  const listed =
    fresh.length === 0 ? [] : await connection.listOffsets(fresh, policy.fromBeginning ? 'earliest' : 'latest', policy)
  const reset = new Map(listed.map((entry) => [partitionKey(entry), entry.offset]))
  return partitions.map(({ topic, partition }) => {
    const offset = known({ topic, partition })
    const start = offset >= 0n ? offset : reset.get(partitionKey({ topic, partition }))
    if (start === undefined) throw new Error(`the broker told no offset for ${topic}-${partition}`)
    return { topic, partition, offset: start, committed: offset }
  })
}
