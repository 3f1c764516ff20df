import type { ServerResponse } from 'node:http'
import { monotonicMs } from '../util/clock.js'
import { RateLimit } from '../util/rate-limit.js'
import { toJson } from './answer.js'

/** Bytes that may wait for one listener. One that reads more slowly than that is cut off: its waiting would be memory. */
const MAX_WAITING_BYTES = 256 * 1024
const MAX_STREAMS = 16
/** Events a second that are put into words: a thousand failing messages cost the main thread no more than these. */
const EVENTS_PER_SECOND = 500

/** The streams of server-sent events (`text/event-stream`), each of which hears what the pool says. */
export class EventStreams {
  readonly #streams = new Set<ServerResponse>()
  readonly #limit = new RateLimit(EVENTS_PER_SECOND)
  /** Those that had not taken in everything at the last look. */
  readonly #behind = new WeakSet<ServerResponse>()

  /** Whether one more may listen. */
  get hasRoom(): boolean {
    return this.#streams.size < MAX_STREAMS
  }

  /** @param stream its head is written */
  add(stream: ServerResponse): void {
    this.#streams.add(stream)
    stream.on('close', () => this.#streams.delete(stream))
    stream.write(': events of the pool\n\n')
  }

  tell(event: string, payload: unknown): void {
    if (this.#streams.size === 0 || !this.#limit.allows(monotonicMs())) return
    this.#tellOmitted()
    this.#write(frame(event, payload))
  }

  /** To be called every few seconds: who is gone is noticed, and who reads nothing is cut off. */
  beat(): void {
    for (const stream of this.#streams) {
      if (stream.writableLength === 0) this.#behind.delete(stream)
      else if (this.#behind.has(stream)) stream.destroy()
      else this.#behind.add(stream)
    }
    this.#tellOmitted() // also when nothing happens any more
    this.#write(':\n\n')
  }

  close(): void {
    for (const stream of this.#streams) stream.end()
  }

  #tellOmitted(): void {
    const omitted = this.#limit.takeRefused()
    if (omitted > 0) this.#write(frame('omitted', { events: omitted }))
  }

  #write(text: string): void {
    for (const stream of this.#streams) {
      if (stream.writableLength + text.length > MAX_WAITING_BYTES) stream.destroy()
      else stream.write(text)
    }
  }
}

const frame = (event: string, payload: unknown): string => `event: ${event}\ndata: ${toJson(payload)}\n\n`
