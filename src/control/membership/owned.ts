import type { TopicPartition } from '../../kafka/metadata.js'
import { partitionName } from '../../util/partition-name.js'
import { goneOf } from './gone.js'
import type { Claim } from './join-request.js'
import type { SeatHost } from './seat-host.js'
import type { AskTopics } from './steady-topics.js'

/** What a member says that it owns when it joins, with a cooperative protocol: messages there go on while the group rebalances. */
export class Owned {
  readonly #host: Pick<SeatHost, 'handOn' | 'revoke'>
  readonly #topics: AskTopics
  #partitions: readonly TopicPartition[] = []
  #handsOn = false

  constructor(host: Pick<SeatHost, 'handOn' | 'revoke'>, topics: AskTopics) {
    this.#host = host
    this.#topics = topics
  }

  /** It drains: from now on it owns only what it has to keep. */
  get handsOn(): boolean {
    return this.#handsOn
  }

  handOn(): void {
    this.#handsOn = true
  }

  /** @param generation in which it got that */
  claim(generation: number): Claim {
    return { owned: this.#partitions, generation, isDraining: this.#handsOn }
  }

  /**
   * What need not be kept is not claimed, but given up first, so that others may have it at once.
   *
   * @param looks whether what is not there any more is given up, too: Java's leaders leave it with its owner. One of ours
   *   looks at its metadata itself.
   */
  async shed(looks: boolean): Promise<void> {
    if (this.#handsOn) {
      const kept = new Set((await this.#host.handOn()).map(partitionName))
      this.#partitions = this.#partitions.filter((partition) => kept.has(partitionName(partition)))
    }
    if (!looks || this.#partitions.length === 0) return
    const gone = await goneOf(this.#partitions, this.#topics)
    if (gone.size === 0) return
    const isGone = (partition: TopicPartition) => gone.has(partitionName(partition))
    await this.#host.revoke(this.#partitions.filter(isGone))
    this.#partitions = this.#partitions.filter((partition) => !isGone(partition))
  }

  /** A new generation begins with these. */
  take(partitions: readonly TopicPartition[]): void {
    this.#partitions = partitions
  }
}
