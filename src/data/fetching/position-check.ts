import type { EpochEnd } from '../../kafka/offsets.js'
import { toErrorData } from '../../protocol/error-data.js'
import { groupBy } from '../../util/group-by.js'
import { partitionName } from '../../util/partition-name.js'
import type { Partition } from '../partition.js'
import type { FetchContext } from './fetch-context.js'
import { judgePosition } from './position-verdict.js'

export interface PositionCheckEvents {
  /** The partition may be fetched from its position, which may have been moved back. */
  done(partition: Partition): void
  /** The leader's log has nothing that ours has: let the reset policy choose an offset. */
  lost(partition: Partition): void
  /** The leader refused, with this error. */
  refused(partitions: readonly Partition[], error: string): void
  /** It did not answer. */
  failed(partitions: readonly Partition[], reason: string): void
}

/** The error of a partition that is not in the answer. */
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION'

/** Where a partition stood when its leader was asked. */
interface Asked {
  readonly partition: Partition
  readonly offset: number
  readonly offsetEpoch: number
  readonly leaderEpoch: number
}

/**
 * Compares positions with the logs of new leaders (KIP-320). After an unclean election the leader has other messages
 * where ours were read; whoever goes on at his old offset misses them in silence. They are not fetched meanwhile.
 */
export class PositionCheck {
  readonly #context: FetchContext
  readonly #events: PositionCheckEvents
  #waiting: Partition[] = []

  constructor(context: FetchContext, events: PositionCheckEvents) {
    this.#context = context
    this.#events = events
  }

  /** Those whose leaders are found in the same step are asked about together. */
  begin(partition: Partition): void {
    partition.fetching.checking = true
    this.#waiting.push(partition)
    if (this.#waiting.length === 1) queueMicrotask(() => this.#askAll())
  }

  #askAll(): void {
    const all = this.#waiting.filter(({ fetching }) => fetching.checking && fetching.leader !== null)
    this.#waiting = []
    for (const [leader, partitions] of groupBy(all, ({ fetching }) => fetching.leader)) {
      if (leader !== null) this.#ask(leader, partitions).catch(this.#context.onFault)
    }
  }

  async #ask(leader: number, partitions: readonly Partition[]): Promise<void> {
    const asked = partitions.map((partition): Asked => ({ ...positionOf(partition), partition }))
    const questions = asked.map(({ partition, offsetEpoch, leaderEpoch }) => ({
      topic: partition.topic,
      partition: partition.partition,
      currentLeaderEpoch: leaderEpoch,
      leaderEpoch: offsetEpoch,
    }))
    let answer: readonly EpochEnd[] | null
    try {
      answer = await this.#context.client.endsOfEpochs(leader, questions)
    } catch (error) {
      const current = asked.filter(isCurrent).map(({ partition }) => partition)
      if (current.length > 0) this.#events.failed(current, toErrorData(error).message)
      return
    }
    const ends = new Map(answer?.map((end) => [partitionName(end), end]))
    const refused: { readonly partition: Partition; readonly error: string }[] = []
    for (const item of asked.filter(isCurrent)) {
      const { partition } = item
      const end = answer === null ? null : ends.get(partition.key)
      if (end === undefined || end?.error) refused.push({ partition, error: end?.error ?? MISSING })
      else this.#conclude(item, end)
    }
    for (const [error, some] of groupBy(refused, (each) => each.error)) {
      this.#events.refused(
        some.map(({ partition }) => partition),
        error,
      )
    }
  }

  /** @param end null when the broker is too old to say, so that nothing can be checked */
  #conclude({ partition, offset }: Asked, end: EpochEnd | null): void {
    const { fetching } = partition
    const verdict = end === null ? { type: 'stands' as const } : judgePosition(offset, end)
    fetching.checking = false
    if (verdict.type === 'lost') {
      this.#events.lost(partition) // and compared again, if no other offset can be found now
      return
    }
    fetching.checkedEpoch = fetching.leaderEpoch
    if (verdict.type === 'truncated') this.#goBack(partition, verdict.offset, verdict.leaderEpoch)
    this.#events.done(partition)
  }

  #goBack(partition: Partition, offset: number, leaderEpoch: number): void {
    const { id, topic, fetching } = partition
    const from = String(fetching.offset)
    const to = String(offset)
    partition.cutOff(offset, leaderEpoch)
    this.#context.post({ type: 'offset-reset', partitionId: id, from, to, reason: 'truncated' })
    this.#context.log.warn(
      { topic, partition: partition.partition, from, to, leaderEpoch, newLeaderEpoch: fetching.leaderEpoch },
      `${partition.key} was read up to offset ${from}, but its new leader has other messages from offset ${to} on ` +
        '(an unclean election): the old ones are lost to the cluster; going on with the new ones',
    )
    this.#context.onFetched(partition)
  }
}

const positionOf = ({ fetching: { offset, offsetEpoch, leaderEpoch } }: Partition) => ({
  offset,
  offsetEpoch,
  leaderEpoch,
})

/** False when it was dropped, moved, or led by somebody else meanwhile: whatever did that has seen to the rest. */
const isCurrent = ({ partition, offset, offsetEpoch, leaderEpoch }: Asked): boolean => {
  const { fetching } = partition
  return (
    fetching.checking &&
    !fetching.halted &&
    fetching.offset === offset &&
    fetching.offsetEpoch === offsetEpoch &&
    fetching.leaderEpoch === leaderEpoch
  )
}
