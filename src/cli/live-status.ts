import type { ConsumerPool } from '../control/pool.js'
import { monotonicMs } from '../util/clock.js'
import { every } from '../util/timers.js'
import { LiveLine, type Screen } from './live-line.js'
import type { Paint } from './paint.js'
import { type Snapshot, statusLine } from './status-line.js'

const REDRAW_MS = 1_000
/** Of a terminal that does not say how wide it is. */
const COLUMNS = 80

/** A screen that says when its width changes. */
type Terminal = Screen & Pick<NodeJS.EventEmitter, 'on' | 'off'>

/** Shows the pool's status in the last line of a terminal, anew every second. */
export class LiveStatus {
  readonly #line: LiveLine
  readonly #timer: NodeJS.Timeout
  readonly #screen: Terminal
  readonly #draw: () => void
  readonly #atExit = (): void => this.#line.close()

  constructor(pool: ConsumerPool, screen: Terminal, others: readonly Screen[], paint: Paint) {
    this.#line = new LiveLine(screen, others)
    let before: Snapshot = { status: pool.status(), atMs: monotonicMs() }
    const draw = (): Snapshot => {
      const now: Snapshot = { status: pool.status(), atMs: monotonicMs() }
      this.#line.set(statusLine(before, now, screen.columns || COLUMNS, paint))
      return now
    }
    this.#timer = every(() => {
      before = draw()
    }, REDRAW_MS)
    this.#screen = screen
    this.#draw = draw
    screen.on('resize', draw)
    // A second signal ends the process on the spot: the shell's prompt is not to stand behind the status.
    process.once('exit', this.#atExit)
  }

  close(): void {
    process.off('exit', this.#atExit)
    this.#screen.off('resize', this.#draw)
    clearInterval(this.#timer)
    this.#line.close()
  }
}
