import type { TopicPartition } from '../../kafka/metadata.js'

/** The most messages that are remembered: the last ones. */
const REMEMBERED = 10_000

/** A message, by its coordinates. */
export interface Suspect extends TopicPartition {
  readonly offset: string
}

const keyOf = ({ topic, partition, offset }: Suspect): string => `${topic}/${partition}/${offset}`

/**
 * The messages of one group that were in flight when a thread died, whichever slot's: a message that kills takes its
 * killing along when its partition moves.
 */
export class Suspects {
  readonly #messages = new Set<string>()

  /** Whether one of them was in flight at a death. */
  has(inFlight: readonly Suspect[]): boolean {
    return inFlight.some((message) => this.#messages.has(keyOf(message)))
  }

  /**
   * A thread died with these in flight.
   *
   * @returns whether one of them was in flight at a death before
   */
  accuse(inFlight: readonly Suspect[]): boolean {
    const messages = inFlight.map(keyOf)
    const known = this.has(inFlight)
    for (const message of messages) {
      this.#messages.delete(message)
      this.#messages.add(message)
    }
    for (const message of this.#messages) {
      if (this.#messages.size <= REMEMBERED) break
      this.#messages.delete(message)
    }
    return known
  }
}
