import { toErrorData } from '../protocol/error-data.js'
import type { FetchContext } from './fetch-context.js'
import type { Partition } from './partition.js'

export interface OffsetResetEvents {
  done(partition: Partition): void
  /** Nothing is lost: the next Fetch will say "out of range" again. */
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

  begin(partition: Partition): void {
    partition.fetching.resetting = true
    this.#chooseOffset(partition)
      .then(
        (offset) => {
          partition.fetching.resetting = false
          if (!partition.fetching.halted) this.#moveTo(partition, offset)
        },
        (error) => {
          partition.fetching.resetting = false
          if (!partition.fetching.halted) {
            this.#events.failed(partition, `no offset to reset to (${toErrorData(error).message})`)
          }
        },
      )
      .catch(this.#context.onFault)
  }

  async #chooseOffset({ topic, partition }: Partition): Promise<number> {
    const { connection, consumer, fromBeginning } = this.#context
    const at = fromBeginning ? 'earliest' : 'latest'
    const [found] = await connection.listOffsets([{ topic, partition }], at, consumer)
    if (found === undefined) throw new Error(`the broker named no ${at} offset`)
    return Number(found.offset)
  }

  #moveTo(partition: Partition, offset: number): void {
    const { id, topic, fetching } = partition
    const from = String(fetching.offset)
    const to = String(offset)
    fetching.offset = offset
    // In line behind what is buffered: the new offset may be committed once everything before the gap is finished.
    partition.buffer.push({ messages: [], offsets: [], nextOffset: offset, bytes: 0 })
    partition.publishPosition()
    this.#context.post({ type: 'offset-reset', partitionId: id, from, to })
    this.#context.log.warn(
      { topic, partition: partition.partition, from, to },
      `Offset ${from} of ${partition.key} is not on the broker any more; going on at ${to}, ` +
        `the ${this.#context.fromBeginning ? 'earliest' : 'latest'} one, as fromBeginning says`,
    )
    this.#context.onFetched(partition)
    this.#events.done(partition)
  }
}
