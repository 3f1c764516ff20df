import type { WritingClient } from '../../kafka/client.js'
import { monotonicMs } from '../../util/clock.js'

/** More of them would be of use only where so many partitions are slow at once. */
const MOST_WRITERS = 4

/** A request that takes longer has met a slow partition, and so will what is sent after it over the same connection. */
const SLOW_MS = 1_000

/** What a writer has under way. */
export interface Request {
  readonly about: string
  readonly sinceMs: number
}

/** Its requests, the oldest first. */
type UnderWay = ReadonlySet<Request>

const isSlow = (underWay: UnderWay, nowMs: number): boolean => {
  const [oldest] = underWay
  return oldest !== undefined && nowMs - oldest.sinceMs > SLOW_MS
}

/**
 * Who takes the next request: whoever has others about the same under way, so that a slow partition takes one writer and
 * no more; else the first that is idle, else one more, else the one with the fewest, of those that are not slow if there
 * are any.
 *
 * @returns an index; that behind the last one for one more
 */
export const writerFor = (about: string, writers: readonly UnderWay[], nowMs: number): number => {
  const same = writers.findIndex((underWay) => [...underWay].some((request) => request.about === about))
  if (same >= 0) return same
  const idle = writers.findIndex(({ size }) => size === 0)
  if (idle >= 0) return idle
  if (writers.length < MOST_WRITERS) return writers.length
  const quick = writers.filter((underWay) => !isSlow(underWay, nowMs))
  const eligible = quick.length > 0 ? quick : writers
  return writers.indexOf(eligible.reduce((best, each) => (each.size < best.size ? each : best)))
}

interface Writer {
  readonly client: WritingClient
  readonly underWay: Set<Request>
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
    const request: Request = { about, sinceMs: monotonicMs() }
    const { client, underWay } = this.#writer(request)
    underWay.add(request)
    try {
      return await ask(client)
    } finally {
      underWay.delete(request)
    }
  }

  close(): void {
    this.#closed = true
    for (const { client } of this.#writers) client.close()
  }

  #writer({ about, sinceMs: nowMs }: Request): Writer {
    const index = writerFor(
      about,
      this.#writers.map(({ underWay }) => underWay),
      nowMs,
    )
    const there = this.#writers[index]
    if (there !== undefined) return there
    const client = this.#createClient()
    if (this.#closed) client.close()
    const writer: Writer = { client, underWay: new Set() }
    this.#writers.push(writer)
    return writer
  }
}
