import { isTopicName } from '../../config/rules/topics.js'
import { PREFIX } from '../../control/dead-letters/letter.js'
import type { RawHeader, RawMessage } from '../../kafka/raw-message.js'
import type { Position } from './positions.js'

/** Where the message of a dead letter came from. */
export interface Source {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

/** A record of the dead-letter topic. */
export interface Letter extends Position {
  readonly raw: RawMessage
  /** What is said of it, by the name of the header without `kcp-dlq-`. */
  readonly said: ReadonlyMap<string, string>
  /** Null of a record that is no dead letter. */
  readonly source: Source | null
}

export const REPLAYED = 'kcp-replayed'

const textOf = (bytes: Uint8Array | null): string => (bytes === null ? '' : Buffer.from(bytes).toString())

export const nameOf = ([name]: RawHeader): string => textOf(name)

const readSource = (said: ReadonlyMap<string, string>): Source | null => {
  const [topic, partition, offset] = ['topic', 'partition', 'offset'].map((name) => said.get(name) ?? '')
  // Whoever writes to the topic may have written anything.
  if (
    topic === undefined ||
    !isTopicName(topic) ||
    !/^\d{1,9}$/.test(partition ?? '') ||
    !/^\d{1,18}$/.test(offset ?? '')
  )
    return null
  return { topic, partition: Number(partition), offset: offset ?? '' }
}

export const readLetter = (raw: RawMessage, position: Position): Letter => {
  const said = new Map(
    raw.headers.flatMap((header) => {
      const name = nameOf(header)
      return name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), textOf(header[1])] as const] : []
    }),
  )
  return { ...position, raw, said, source: readSource(said) }
}

/** How often it was replayed before. */
export const replaysOf = ({ raw }: Letter): number => {
  const header = raw.headers.find((each) => nameOf(each) === REPLAYED)
  const count = Number(textOf(header?.[1] ?? null))
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}

/** The message as it was before it became a dead letter, but for a header that counts its replays. */
export const replayOf = (letter: Letter): RawMessage => {
  const { raw, said } = letter
  const timestamp = said.get('timestamp') ?? ''
  const own = raw.headers.filter((header) => !nameOf(header).startsWith(PREFIX) && nameOf(header) !== REPLAYED)
  const count = new Uint8Array(Buffer.from(String(replaysOf(letter) + 1)))
  return {
    ...raw,
    headers: [...own, [new Uint8Array(Buffer.from(REPLAYED)), count]],
    timestamp: /^-?\d{1,18}$/.test(timestamp) ? BigInt(timestamp) : raw.timestamp,
  }
}
