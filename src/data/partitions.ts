import type { AssignedPartition } from '../protocol/messages.js'
import type { Page } from '../protocol/page.js'
import { Partition } from './partition.js'

/** The partitions that the slot owns now. */
export class Partitions implements Iterable<Partition> {
  readonly #owned = new Map<number, Partition>()
  /** Dropped partitions whose handler has not come back: the next owner of the name waits for it. */
  readonly #lingering = new Map<string, Partition>()

  add(added: readonly AssignedPartition[], page: Page): Partition[] {
    return added.map((assigned) => {
      const partition = new Partition(assigned, page)
      this.#owned.set(partition.id, partition)
      return partition
    })
  }

  get size(): number {
    return this.#owned.size
  }

  /** Memory of what was fetched of them and not handled yet. */
  get bufferedBytes(): number {
    let bytes = 0
    for (const { buffer } of this) bytes += buffer.bytes
    return bytes
  }

  /** The partition of that id if it is still owned. */
  byId(id: number): Partition | undefined {
    return this.#owned.get(id)
  }

  [Symbol.iterator](): Iterator<Partition> {
    return this.#owned.values()
  }

  /** Drops those of the ids that are still owned. */
  drop(ids: readonly number[]): void {
    for (const id of ids) {
      const partition = this.#owned.get(id)
      if (partition !== undefined) this.#drop(partition)
    }
  }

  /** Nothing of those of the ids that are still owned begins any more. @returns them */
  close(ids: readonly number[]): Partition[] {
    const closing = ids.map((id) => this.#owned.get(id)).filter((partition) => partition !== undefined)
    for (const partition of closing) {
      partition.closing = true
      partition.fetching.halted = true
    }
    return closing
  }

  /** Those of which a handler is in flight, also of earlier assignments. */
  get inFlight(): Partition[] {
    return [...this.#owned.values(), ...this.#lingering.values()].filter(({ inFlight }) => inFlight)
  }

  /** Drops everything that main has flagged on its page. */
  dropRevoked(): void {
    for (const partition of this) if (partition.revoked) this.#drop(partition)
  }

  /** True while a handler of an earlier assignment of the same partition is still in flight. */
  isBlocked(partition: Partition): boolean {
    return this.#lingering.size > 0 && this.#lingering.has(partition.key)
  }

  /** The handler of a dropped partition came back. Returns the partition that waited for it, if any. */
  release(dropped: Partition): Partition | undefined {
    if (this.#lingering.get(dropped.key) !== dropped) return undefined
    this.#lingering.delete(dropped.key)
    for (const partition of this) if (partition.key === dropped.key) return partition
    return undefined
  }

  #drop(partition: Partition): void {
    this.#owned.delete(partition.id)
    partition.dropped = true
    partition.fetching.halted = true
    partition.buffer.clear()
    clearTimeout(partition.retryTimer)
    if (partition.inFlight) this.#lingering.set(partition.key, partition)
  }
}
