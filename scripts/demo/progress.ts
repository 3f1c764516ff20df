import { count, percent, seconds } from './format.js'

const BAR_WIDTH = 30
const ERASE_LINE = '\r\u001b[K'

/** How far the work is: a bar on a terminal; elsewhere a line for every tenth. Other lines go above the bar. */
export class Progress {
  readonly #total: number
  readonly #screen: NodeJS.WriteStream
  readonly #since = performance.now()
  #bar = ''
  #tenths = 0

  constructor(total: number, screen: NodeJS.WriteStream) {
    this.#total = total
    this.#screen = screen
  }

  /** @param done how many documents are through */
  show(done: number): void {
    const share = Math.min(1, done / this.#total)
    const ms = performance.now() - this.#since
    const left = share > 0.02 && share < 1 ? `  ${seconds((ms * (1 - share)) / share)} left` : ''
    const text = `${percent(share).padStart(6)}  ${count(done)} of ${count(this.#total)}  ${count((done * 1_000) / ms)}/s${left}`
    if (this.#screen.isTTY) {
      const full = Math.round(share * BAR_WIDTH)
      this.#draw(`${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}${text}`.slice(0, (this.#screen.columns || 80) - 1))
    } else if (Math.floor(share * 10) > this.#tenths) {
      this.#tenths = Math.floor(share * 10)
      this.line(text.trim())
    }
  }

  line(text: string): void {
    const bar = this.#bar
    this.#draw('')
    this.#screen.write(`${text}\n`)
    this.#draw(bar)
  }

  /** Takes the bar away. */
  end(): void {
    this.#draw('')
  }

  #draw(bar: string): void {
    if (this.#bar !== '' || bar !== '') this.#screen.write(`${ERASE_LINE}${bar}`)
    this.#bar = bar
  }
}
