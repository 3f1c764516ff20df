import { formatCount } from '../numbers.js'
import { printable } from '../printable.js'
import type { Letter } from './letter.js'

/** More kinds than this are not told one by one. */
const MOST_KINDS = 20

/** Counts letters by reason, source and class of error; remembers a bounded number of kinds. */
export class Summary {
  readonly #kinds = new Map<string, number>()
  readonly #most: number
  #total = 0
  #strangers = 0
  #others = 0

  /** @param most how many kinds are remembered */
  constructor(most = 10_000) {
    this.#most = most
  }

  get total(): number {
    return this.#total
  }

  /** Records that are no dead letters. */
  get strangers(): number {
    return this.#strangers
  }

  add({ said, source }: Letter): void {
    this.#total += 1
    if (source === null) {
      this.#strangers += 1
      return
    }
    const kind = `${said.get('reason') ?? '?'}  ${source.topic}  ${said.get('error-class') ?? ''}`
    if (this.#kinds.has(kind) || this.#kinds.size < this.#most) this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1)
    else this.#others += 1
  }

  /** `12  exhausted  orders  TypeError`, the most frequent first. */
  lines(): string[] {
    const kinds = [...this.#kinds].sort(([, a], [, b]) => b - a)
    const rest = kinds.slice(MOST_KINDS).reduce((sum, [, count]) => sum + count, this.#others)
    const rows: [number, string][] = [
      ...kinds
        .slice(0, MOST_KINDS)
        .map(([kind, count]): [number, string] => [count, printable(kind.replaceAll('\n', ' '))]),
      ...(rest === 0 ? [] : [[rest, 'of other kinds'] as [number, string]]),
      ...(this.#strangers === 0
        ? []
        : [[this.#strangers, 'no dead letters (without kcp-dlq- headers)'] as [number, string]]),
    ]
    const width = Math.max(0, ...rows.map(([count]) => formatCount(count).length))
    return rows.map(([count, kind]) => `${formatCount(count).padStart(width)}  ${kind}`)
  }
}
