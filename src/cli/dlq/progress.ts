import { monotonicMs } from '../../util/clock.js'
import { formatCount } from '../numbers.js'

/** How far a long command is, once a second, on a line of its own on a terminal, and else on none. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #verb: string
  readonly #total: number
  #done = 0
  #shownMs = monotonicMs()

  constructor(stream: NodeJS.WriteStream, verb: string, total: bigint) {
    this.#stream = stream
    this.#verb = verb
    this.#total = Number(total)
  }

  add(count: number): void {
    this.#done += count
    const nowMs = monotonicMs()
    if (!this.#stream.isTTY || nowMs - this.#shownMs < 1_000) return
    this.#shownMs = nowMs
    this.#stream.write(`\r\u001b[K${this.#verb} ${formatCount(this.#done)} of ${formatCount(this.#total)}`)
  }

  close(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K')
  }
}
