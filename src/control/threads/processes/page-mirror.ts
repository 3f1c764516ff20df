import type { Note } from '../../../protocol/note.js'
import { NOTE_FINISHES, type Page, type PageSource } from '../../../protocol/page.js'
import type { PageWord } from '../../../protocol/process-messages.js'
import { onceAStretch } from '../../../util/once-a-stretch.js'

/** Where the process notes what stands on its page, and how it is told what main writes on it. */
export interface PageAway {
  readonly read: () => readonly (Note | null)[]
  readonly tell: (word: PageWord) => void
}

/** Sees that main's page says what the thread of another process has said last. */
export class PageMirror implements PageSource {
  readonly #page: Page
  readonly #away: PageAway
  readonly #versions: Int32Array
  readonly #finishes: Int32Array
  readonly look = onceAStretch(() => this.#read())

  private constructor(page: Page, away: PageAway) {
    this.#page = page
    this.#away = away
    this.#versions = new Int32Array(page.size)
    this.#finishes = new Int32Array(page.size)
  }

  static of(page: Page, away: PageAway): PageMirror {
    const mirror = new PageMirror(page, away)
    page.follow(mirror)
    return mirror
  }

  revoked(index: number): void {
    this.#away.tell({ type: 'revoke', index })
  }

  sawEnd(index: number, end: bigint): void {
    this.#away.tell({ type: 'end', index, end })
  }

  /** The process writes no more, or it does not matter: what it has written last stays. */
  close(): void {
    this.#read()
    this.#page.follow(null)
  }

  /**
   * Main finishes a message that the thread waits for on its own page only (see Page#finishAt). That stands until the thread
   * says itself how far the partition is, be it on or back; so two never write the same number.
   */
  #read(): void {
    for (const [index, note] of this.#away.read().entries()) {
      if (note === null || note.version === this.#versions[index]) continue
      const finishes = note.words[NOTE_FINISHES] as number
      this.#page.take(index, note, finishes !== this.#finishes[index])
      this.#versions[index] = note.version
      this.#finishes[index] = finishes
    }
  }
}
