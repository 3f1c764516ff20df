import type { TopicMetadata } from '../../kafka/metadata.js'
import { after } from '../../util/timers.js'

const TRIES = 3
const BETWEEN_TRIES_MS = 100

/** Asks for the metadata of topics, fresh from a broker. */
export type AskTopics = (names: readonly string[]) => Promise<readonly TopicMetadata[]>

/**
 * The metadata of topics. A broker that has just heard of a topic, or a topic between two leaders, must not be taken for
 * no topic at all, so one in error is asked for again, a little later.
 */
export const steadyTopics = async (names: readonly string[], ask: AskTopics): Promise<readonly TopicMetadata[]> => {
  for (let tries = 1; ; tries++) {
    const found = await ask(names)
    if (tries === TRIES || found.every(({ error }) => error === null)) return found
    await new Promise<void>((resolve) => after(resolve, BETWEEN_TRIES_MS))
  }
}
