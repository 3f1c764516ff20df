import { KafkaError } from '../../kafka/kafka-error.js'
import { NO_EPOCH, type TopicPartition } from '../../kafka/metadata.js'
import type { LogClient, TopicPartitionOffset } from '../../kafka/offsets.js'
import { partitionName } from '../../util/partition-name.js'
import type { NewHolding } from '../holdings.js'
import type { Coordinator } from '../membership/coordinator.js'

export interface ResetPolicy {
  readonly fromBeginning: boolean
  /** True for a partition that begins at its first message whatever `fromBeginning` says. */
  readonly isNew: (partition: TopicPartition) => boolean
  readonly readUncommitted: boolean
  /** For how long each answer is waited for. */
  readonly atMostMs: number
}

/** What the group has committed, by partition key; the offset is -1n where that is nothing. */
export const committedOffsets = async (
  coordinator: Coordinator,
  groupId: string,
  partitions: readonly TopicPartition[],
  limit: { readonly atMostMs: number },
): Promise<Map<string, TopicPartitionOffset>> => {
  if (partitions.length === 0) return new Map()
  const found = await coordinator.ask((client, node) => client.committedOffsets(node, groupId, partitions, limit))
  return new Map(found.map((entry) => [partitionName(entry), entry]))
}

/**
 * Where each partition starts: at the committed offset, or where the reset policy says when the group has committed
 * nothing there. Such a start is itself committed later, so that it is the same for whoever gets the partition next.
 *
 * @returns the partitions whose start is known, and why others are missing: one that has no leader just now is left out
 */
export const startPositions = async (
  client: LogClient,
  partitions: readonly TopicPartition[],
  committed: ReadonlyMap<string, TopicPartitionOffset>,
  policy: ResetPolicy,
): Promise<{ readonly starts: NewHolding[]; readonly missing: unknown }> => {
  const isKnown = (entry: TopicPartitionOffset | undefined) => entry !== undefined && entry.offset >= 0n
  const reset = partitions.filter((partition) => !isKnown(committed.get(partitionName(partition))))
  const isFromBeginning = (partition: TopicPartition) => policy.fromBeginning || policy.isNew(partition)
  const failures: unknown[] = []
  const list = async (some: readonly TopicPartition[], at: 'earliest' | 'latest') =>
    listWhatCanBe((each) => client.listOffsets(each, at, policy), some, failures)
  const listed = await Promise.all([
    list(reset.filter(isFromBeginning), 'earliest'),
    list(
      reset.filter((partition) => !isFromBeginning(partition)),
      'latest',
    ),
  ])
  const found = new Map(listed.flat().map((entry) => [partitionName(entry), entry]))
  const starts = partitions.flatMap(({ topic, partition }) => {
    const before = committed.get(partitionName({ topic, partition }))
    const start = isKnown(before) ? before : found.get(partitionName({ topic, partition }))
    if (start === undefined) return []
    const { offset, leaderEpoch = NO_EPOCH, metadata } = start
    const note = metadata !== undefined && { metadata }
    return [{ topic, partition, offset, leaderEpoch, committed: before?.offset ?? -1n, ...note }]
  })
  return { starts, missing: failures.find(isSilence) ?? failures[0] }
}

const isSilence = (error: unknown): boolean => error instanceof KafkaError && error.isSilence

/** All at once, or else one by one, so that one that has no answer does not take the others' with it. */
const listWhatCanBe = async (
  list: (some: readonly TopicPartition[]) => Promise<readonly TopicPartitionOffset[]>,
  partitions: readonly TopicPartition[],
  failures: unknown[],
): Promise<readonly TopicPartitionOffset[]> => {
  if (partitions.length === 0) return []
  try {
    return await list(partitions)
  } catch (error) {
    failures.push(error)
    const alone = partitions.map((partition) =>
      list([partition]).catch((reason: unknown) => {
        failures.push(reason)
        return []
      }),
    )
    return (await Promise.all(alone)).flat()
  }
}
