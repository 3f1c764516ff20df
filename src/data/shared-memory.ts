import { Ledger } from '../protocol/ledger.js'
import type { AssignedPartition } from '../protocol/messages.js'
import { Page } from '../protocol/page.js'
import { WrittenLedger } from '../protocol/written-ledger.js'
import { WrittenPage } from '../protocol/written-page.js'

/**
 * Ledger and pages of one incarnation. Main sees them as they are when it is in the same process; else they are also
 * written into a file.
 */
export class SharedMemory {
  readonly #fd: number | null
  /** By the ids of the partitions that are on it. */
  readonly #written = new Map<number, WrittenPage>()
  /** How many of the partitions on it are left. */
  readonly #left = new Map<WrittenPage, number>()

  /** @param fd of that file; null when main is in the same process */
  constructor(fd: number | null) {
    this.#fd = fd
  }

  /** @param at where its notes are in the file */
  ledger(buffer: SharedArrayBuffer, at = 0): Ledger {
    return this.#fd === null ? Ledger.from(buffer) : WrittenLedger.over(buffer, this.#fd, at)
  }

  /** @param at where its notes are in the file; undefined for a page of no partitions, too */
  page(buffer: SharedArrayBuffer, at: number | undefined, added: readonly AssignedPartition[]): Page {
    if (this.#fd === null || at === undefined) return Page.from(buffer)
    const page = WrittenPage.over(buffer, this.#fd, at)
    for (const { id } of added) this.#written.set(id, page)
    this.#left.set(page, added.length)
    return page
  }

  /** These partitions are gone. Main uses the place of a page's notes again when all of it is. */
  drop(ids: readonly number[]): void {
    for (const id of ids) {
      const page = this.#written.get(id)
      if (page === undefined) continue
      this.#written.delete(id)
      const left = (this.#left.get(page) ?? 0) - 1
      this.#left.set(page, left)
      if (left > 0) continue
      this.#left.delete(page)
      page.close()
    }
  }
}
