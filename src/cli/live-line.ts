import { stripVTControlCharacters } from 'node:util'

/** What a live line needs of a terminal. */
export interface Screen {
  readonly columns: number
  write(text: string | Uint8Array, ...rest: never[]): boolean
}

const ESCAPE = '\u001b['
export const ERASE_LINE = `\r${ESCAPE}K`
const NEWLINE = 0x0a

/** Whether a line can be shown there and taken away again. */
export const isScreen = (
  stream: Pick<NodeJS.WriteStream, 'isTTY'>,
  { TERM }: NodeJS.ProcessEnv = process.env,
): boolean => stream.isTTY && TERM !== 'dumb'

const endsLine = (chunk: string | Uint8Array): boolean =>
  typeof chunk === 'string' ? chunk.endsWith('\n') : chunk[chunk.length - 1] === NEWLINE

/**
 * One line that stays at the bottom of a terminal, below everything else that is written there.
 *
 * Whoever writes (the log, a handler's `console.log`, Node's own warnings) knows nothing of it: the line takes the place
 * of the streams' `write`, steps aside for every write and comes back after it. While somebody is in the middle of a
 * line of his own it stays away.
 */
export class LiveLine {
  readonly #screen: Screen
  readonly #draw: (text: string) => void
  readonly #release: () => void
  #text = ''
  #shown = false
  #elsewhere = false

  /** @param others further streams that end on the same terminal, such as stderr */
  constructor(screen: Screen, others: readonly Screen[] = []) {
    this.#screen = screen
    const write = screen.write.bind(screen)
    this.#draw = (text) => void write(text)
    const streams = [screen, ...others]
    const originals = streams.map((stream) => stream.write)
    for (const stream of streams) this.#stepAsideFor(stream)
    this.#release = () => {
      streams.forEach((stream, index) => {
        stream.write = originals[index] as Screen['write']
      })
    }
  }

  /** Shows another text (one line, no longer than the terminal is wide); `''` shows none. */
  set(text: string): void {
    if (this.#shown) this.#erase()
    this.#text = text
    this.#show()
  }

  /** Takes the line away for good and gives the streams their own `write` back. */
  close(): void {
    this.set('')
    this.#release()
  }

  #stepAsideFor(stream: Screen): void {
    const write = stream.write.bind(stream)
    stream.write = (chunk, ...rest) => {
      if (this.#shown) this.#erase()
      this.#shown = false
      const result = write(chunk, ...rest)
      if (chunk.length > 0) this.#elsewhere = !endsLine(chunk)
      this.#show()
      return result
    }
  }

  /** A terminal that has become narrower since has broken the line into several. */
  #erase(): void {
    const { columns } = this.#screen
    const above = columns > 0 ? Math.ceil(stripVTControlCharacters(this.#text).length / columns) - 1 : 0
    this.#draw(above > 0 ? `\r${ESCAPE}${above}A${ESCAPE}J` : ERASE_LINE)
  }

  #show(): void {
    this.#shown = this.#text !== '' && !this.#elsewhere
    if (this.#shown) this.#draw(this.#text)
  }
}
