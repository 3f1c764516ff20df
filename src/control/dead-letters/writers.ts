import type { WritingClient } from '../../kafka/client.js'

/** More of them would be of use only where so many partitions are slow at once. */
const MOST_WRITERS = 4

/** What one of them has under way: how many requests, by what they are about. */
export type UnderWay = ReadonlyMap<string, number>

const requestsOf = (underWay: UnderWay): number => [...underWay.values()].reduce((sum, count) => sum + count, 0)

/**
 * Who takes the next request: whoever has others about the same under way, so that a slow partition takes one writer and
 * no more; else the first that is idle, else one more, else the one with the fewest.
 *
 * @returns an index; that behind the last one for one more
 */
export const writerFor = (about: string, writers: readonly UnderWay[]): number => {
  const counts = writers.map(requestsOf)
  const same = writers.findIndex((underWay) => underWay.has(about))
  if (same >= 0) return same
  const idle = counts.indexOf(0)
  if (idle >= 0) return idle
  return writers.length < MOST_WRITERS ? writers.length : counts.indexOf(Math.min(...counts))
}

interface Writer {
  readonly client: WritingClient
  readonly underWay: Map<string, number>
}

/**
 * Clients for what must not wait for each other: a broker answers the requests of one connection in turn, and a Produce
 * only when all in-sync replicas have it. They are made when they are needed.
 */
export class Writers {
  readonly #createClient: () => WritingClient
  readonly #writers: Writer[] = []
  #closed = false

  constructor(createClient: () => WritingClient) {
    this.#createClient = createClient
  }

  /**
   * Asks something of a client.
   *
   * @param about requests about the same may wait for each other
   */
  async use<T>(about: string, ask: (client: WritingClient) => Promise<T>): Promise<T> {
    const { client, underWay } = this.#writer(about)
    underWay.set(about, (underWay.get(about) ?? 0) + 1)
    try {
      return await ask(client)
    } finally {
      const left = (underWay.get(about) ?? 1) - 1
      if (left > 0) underWay.set(about, left)
      else underWay.delete(about)
    }
  }

  close(): void {
    this.#closed = true
    for (const { client } of this.#writers) client.close()
  }

  #writer(about: string): Writer {
    const index = writerFor(
      about,
      this.#writers.map(({ underWay }) => underWay),
    )
    const there = this.#writers[index]
    if (there !== undefined) return there
    const client = this.#createClient()
    if (this.#closed) client.close()
    const writer = { client, underWay: new Map<string, number>() }
    this.#writers.push(writer)
    return writer
  }
}
