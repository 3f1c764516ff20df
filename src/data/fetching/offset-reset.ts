import { NO_EPOCH } from '../../kafka/metadata.js'
import { toErrorData } from '../../protocol/error-data.js'
import type { ResetReason } from '../../protocol/reports.js'
import type { Partition } from '../partition.js'
import type { FetchContext } from './fetch-context.js'

const WHAT: Readonly<Record<ResetReason, (offset: string, partition: string) => string>> = {
  'out-of-range': (offset, partition) => `offset ${offset} of ${partition} is not on the broker any more`,
  truncated: (offset, partition) =>
    `${partition} was read up to offset ${offset}, and its new leader has nothing of that (an unclean election?)`,
}

export interface OffsetResetEvents {
  done(partition: Partition): void
  /** Nothing is lost: the next Fetch, or the next comparison with the leader's log, will lead here again. */
  failed(partition: Partition, reason: string): void
}

/** Applies the reset policy to a partition whose offset is not on the broker (any more). */
export class OffsetReset {
  readonly #context: FetchContext
  readonly #events: OffsetResetEvents

  constructor(context: FetchContext, events: OffsetResetEvents) {
    this.#context = context
    this.#events = events
  }

  begin(partition: Partition, reason: ResetReason): void {
    partition.fetching.resetting = true
    this.#chooseOffset(partition)
      .then(
        (offset) => {
          partition.fetching.resetting = false
          if (!partition.fetching.halted) this.#moveTo(partition, offset, reason)
        },
        (error) => {
          partition.fetching.resetting = false
          if (!partition.fetching.halted) {
            this.#events.failed(partition, toErrorData(error).message)
          }
        },
      )
      .catch(this.#context.onFault)
  }

  async #chooseOffset({ topic, partition }: Partition): Promise<number> {
    const { client, consumer, fromBeginning } = this.#context
    const at = fromBeginning ? 'earliest' : 'latest'
    const [found] = await client.listOffsets([{ topic, partition }], at, consumer)
    if (found === undefined || found.offset < 0n) throw new Error(`the broker named no ${at} offset`)
    return Number(found.offset)
  }

  #moveTo(partition: Partition, offset: number, reason: ResetReason): void {
    const { id, topic, fetching } = partition
    const from = String(fetching.offset)
    const to = String(offset)
    partition.moveTo(offset, NO_EPOCH)
    this.#context.post({ type: 'offset-reset', partitionId: id, from, to, reason })
    this.#context.log.warn(
      { topic, partition: partition.partition, from, to, reason },
      `${WHAT[reason](from, partition.key)}; going on at ${to}, ` +
        `the ${this.#context.fromBeginning ? 'earliest' : 'latest'} one, as fromBeginning says`,
    )
    this.#context.onFetched(partition)
    this.#events.done(partition)
  }
}
