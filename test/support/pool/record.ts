import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { checkHistory, type RecordedCrash, type Verdict } from '#scripts/support/checker.js'
import { type Handling, readRecord } from '#scripts/support/recorder.js'
import type { Range } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'

/** What the handlers of one test did, over all of its pools and processes. */
export interface TestRecord {
  readonly dir: string
  /** URL of the handler that writes it. */
  readonly handler: string
  /** By start. */
  read(): Handling[]
  verdict(produced: readonly Range[], crashes?: readonly RecordedCrash[]): Verdict
  /** Waits until every message was handled to its end at least once, and resolves with the verdict. */
  untilNothingIsLost(
    produced: readonly Range[],
    more?: { readonly crashes?: readonly RecordedCrash[]; readonly deadlineMs?: number },
  ): Promise<Verdict>
}

/** A fresh record, removed after the test. */
export const newRecord = (): TestRecord => {
  const dir = mkdtempSync(join(tmpdir(), 'record-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const read = () => readRecord(dir)
  const verdict = (produced: readonly Range[], crashes: readonly RecordedCrash[] = []) =>
    checkHistory({ produced, record: read(), crashes })
  return {
    dir,
    handler: `${new URL('../handlers/record.mjs', import.meta.url).href}?dir=${encodeURIComponent(dir)}`,
    read,
    verdict,
    untilNothingIsLost: async (produced, { crashes = [], deadlineMs = 60_000 } = {}) => {
      const missing = () => verdict(produced, crashes).lost.length
      await until(() => missing() === 0, { what: 'every message to be handled', deadlineMs, everyMs: 50 }).catch(() =>
        // Rather the messages that are missing than that something is.
        expect(verdict(produced, crashes).lost, `lost after ${deadlineMs} ms`).toEqual([]),
      )
      return verdict(produced, crashes)
    },
  }
}
