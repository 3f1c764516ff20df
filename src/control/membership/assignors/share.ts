import type { TopicPartition } from '../../../kafka/metadata.js'
import type { MemberSubscription } from './assignor.js'

/** A topic that somebody subscribes to. */
export interface SharedTopic {
  readonly name: string
  /** Where it stands among the topics, by name. */
  readonly index: number
  /** In the order of the members. Topics with the same subscribers have the same array. */
  readonly subscribers: readonly Share[]
}

/** One partition that is to be given to somebody. */
export interface Piece extends TopicPartition {
  readonly of: SharedTopic
  readonly racks: readonly string[]
  /** It is with the member that owns it already. */
  isKept: boolean
}

/** What one member is to get. */
export class Share {
  readonly member: MemberSubscription
  readonly #topics: ReadonlySet<string>
  readonly #pieces = new Map<SharedTopic, Piece[]>()
  #size = 0

  constructor(member: MemberSubscription) {
    this.member = member
    this.#topics = new Set(member.topics)
  }

  mayHave({ topic }: TopicPartition): boolean {
    return this.#topics.has(topic)
  }

  get size(): number {
    return this.#size
  }

  get pieces(): Piece[] {
    return [...this.#pieces.values()].flat()
  }

  sizeOf(topic: SharedTopic): number {
    return this.#pieces.get(topic)?.length ?? 0
  }

  /** How much better the piece is off here than with somebody who has no replica of it nearby: 1 or 0. */
  isNear({ racks }: Piece): number {
    const { rackId = null } = this.member
    return rackId !== null && racks.includes(rackId) ? 1 : 0
  }

  /** Topics of which it can give a piece away, beginning with the one that it has most of. */
  givable(onlyLoose: boolean): SharedTopic[] {
    const lists = [...this.#pieces].filter(([, list]) => list.length > 0 && !(onlyLoose && list.every(isKept)))
    return lists.sort(([a, x], [b, y]) => y.length - x.length || a.index - b.index).map(([topic]) => topic)
  }

  /** The piece of that topic that it had best give to `other`: rather one that it does not own, then what racks say. */
  best(topic: SharedTopic, other: Share): Piece | undefined {
    const worth = (piece: Piece) => (piece.isKept ? 0 : 4) + other.isNear(piece) - this.isNear(piece)
    let found: Piece | undefined
    for (const piece of this.#pieces.get(topic) ?? []) {
      if (found === undefined || worth(piece) >= worth(found)) found = piece
    }
    return found
  }

  put(piece: Piece): void {
    const list = this.#pieces.get(piece.of)
    if (list === undefined) this.#pieces.set(piece.of, [piece])
    else list.push(piece)
    this.#size += 1
  }

  /** Gives a piece away, which is nobody's own then. */
  give(piece: Piece, other: Share): void {
    const list = this.#pieces.get(piece.of) ?? []
    list.splice(list.indexOf(piece), 1)
    this.#size -= 1
    piece.isKept = false
    other.put(piece)
  }
}

const isKept = (piece: Piece): boolean => piece.isKept
