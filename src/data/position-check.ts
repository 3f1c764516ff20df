import type { EpochEnd } from '../kafka/face.js'
import { toErrorData } from '../protocol/error-data.js'
import { groupBy } from '../util/group-by.js'
import type { FetchContext } from './fetch-context.js'
import type { Partition } from './partition.js'
import { judgePosition } from './position-verdict.js'

export interface PositionCheckEvents {
  /** The partition may be fetched from its position, which may have been moved back. */
  done(partition: Partition): void
  /** The leader's log has nothing that ours has: let the reset policy choose an offset. */
  lost(partition: Partition): void
  /** The leader refused, with this error. */
  refused(partition: Partition, error: string): void
  /** It did not answer. */
  failed(partitions: readonly Partition[], reason: string): void
}

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
    const all = this.#waiting.filter(({ fetching }) => fetching.leader !== null)
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
      answer = await this.#context.connection.endsOfEpochs(leader, questions)
    } catch (error) {
      const current = asked.filter(isCurrent).map(({ partition }) => partition)
      if (current.length > 0) this.#events.failed(current, toErrorData(error).message)
      return
    }
    const ends = new Map(answer?.map((end) => [`${end.topic}-${end.partition}`, end]))
    for (const item of asked) {
      if (isCurrent(item)) this.#conclude(item, answer === null ? null : ends.get(item.partition.key))
    }
  }

  /** @param end null when the broker is too old to say, so that nothing can be checked */
  #conclude({ partition, offset }: Asked, end: EpochEnd | null | undefined): void {
    const { fetching } = partition
    if (end === undefined || end?.error) {
      this.#events.refused(partition, end?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION')
      return
    }
    fetching.checking = false
    fetching.checkedEpoch = fetching.leaderEpoch
    const verdict = end === null ? { type: 'stands' as const } : judgePosition(offset, end)
    if (verdict.type === 'lost') {
      this.#events.lost(partition)
      return
    }
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
