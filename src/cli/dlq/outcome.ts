import { formatCount } from '../numbers.js'
import { oneLine } from './bytes.js'
import { replayOf } from './letter.js'
import { type Position, positionName } from './positions.js'
import { bytesOf, type Replayable, type ReplayListener } from './replayer.js'

const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`

const shown = (topic: string): string => oneLine(Buffer.from(topic))

const places = (positions: readonly Position[]): string => positions.map(positionName).join(',')

/** What became of the letters of a replay. */
export class Outcome implements ReplayListener {
  /** How many were written, by the topic that they went to. */
  readonly #to = new Map<string, number>()
  /** By the topic that does not take them: not the messages themselves, of which there may be many. */
  readonly #tooLarge = new Map<string, { readonly at: Position[]; mostBytes: number }>()
  readonly #unsure: Replayable[] = []
  /** Of those that are being written: in their order, what nothing has become of yet, and what is written. */
  #open = new Set<Replayable>()
  readonly #ahead = new Set<Replayable>()
  again = 0
  strangers = 0

  get hasWritten(): boolean {
    return this.#to.size > 0
  }

  get hasTooLarge(): boolean {
    return this.#tooLarge.size > 0
  }

  /** These are to be written now; what is behind the first of them that is not is ahead until all are. */
  begin(letters: readonly Replayable[]): void {
    this.#open = new Set(letters)
    this.#ahead.clear()
  }

  written(letter: Replayable, topic: string): void {
    this.#open.delete(letter)
    this.#ahead.add(letter)
    this.#to.set(topic, (this.#to.get(topic) ?? 0) + 1)
  }

  tooLarge(letter: Replayable, topic: string): void {
    this.#open.delete(letter)
    const found = this.#tooLarge.get(topic) ?? { at: [], mostBytes: 0 }
    found.at.push({ partition: letter.partition, offset: letter.offset })
    found.mostBytes = Math.max(found.mostBytes, bytesOf(replayOf(letter)))
    this.#tooLarge.set(topic, found)
  }

  unsure(letter: Replayable): void {
    this.#unsure.push(letter)
  }

  /** The first of those that are being written of which nothing has become yet. */
  get firstOpen(): Replayable | undefined {
    const [first] = this.#open
    return first
  }

  /** @param verb `replayed`, or `would replay` */
  lines(verb: string): string[] {
    return [
      ...[...this.#to].map(([topic, count]) => `${verb} ${plural(count, 'message')} to ${shown(topic)}`),
      ...(this.hasWritten ? [] : [`${verb} nothing`]),
      ...(this.again > 0 ? [`${plural(this.again, 'dead letter')} more of the same messages passed over`] : []),
      ...(this.strangers > 0 ? [`${plural(this.strangers, 'record')} without kcp-dlq- headers passed over`] : []),
    ]
  }

  /**
   * What was written although something before it was not, and what may have been.
   *
   * @param from up to where the replay is through
   */
  failureLines(from: string): string[] {
    const { firstOpen } = this
    const ahead = [...this.#ahead].filter(({ offset }) => firstOpen !== undefined && offset > firstOpen.offset)
    return [
      `what is before these positions is done; to go on: --from ${from}`,
      ...(ahead.length > 0
        ? [
            `behind them ${plural(ahead.length, 'message')} ${ahead.length === 1 ? 'was' : 'were'} written, too, and would be again: ${places(ahead)}`,
          ]
        : []),
      ...(this.#unsure.length > 0
        ? [`${plural(this.#unsure.length, 'message')} may have been written, no answer came: ${places(this.#unsure)}`]
        : []),
    ]
  }

  /**
   * What to do about those that their topic does not take; null when there are none.
   *
   * @param command that replays, without the positions
   */
  tooLargeText(command: string): string | null {
    if (!this.hasTooLarge) return null
    return [...this.#tooLarge]
      .map(([to, { at, mostBytes }]) => {
        const what = `${plural(at.length, 'message')} not written: too large for "${shown(to)}", also compressed (up to ${formatCount(mostBytes)} bytes)`
        return `${what}. Raise max.message.bytes of "${shown(to)}" well above that, then: ${command} --at ${places(at)} --execute`
      })
      .join('\n')
  }
}
