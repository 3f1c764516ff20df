import { expect, test } from 'vitest'
import { Ledger } from '#src/protocol/ledger.js'

/** Where the counter of finished messages stands in the ledger's words. */
const FINISHED = 2

test('the counters of an incarnation do not wrap', () => {
  const ledger = Ledger.create(1)
  const words = new Int32Array(ledger.buffer)
  let expected = 0
  for (let half = 1; half <= 5; half++) {
    // Nobody counts that far in a test: up to the last message before the next half of the 32 bits.
    words[FINISHED] = half % 2 === 1 ? 2 ** 31 - 1 : -1
    expected = half * 2 ** 31 - 1
    expect(ledger.counters.finished).toBe(expected)
    for (let n = 0; n < 3; n++) {
      ledger.countFinished()
      expect(ledger.counters.finished).toBe(++expected)
    }
  }
  expect(ledger.counters).toMatchObject({ failed: 0, retried: 0 })
})

test('a reader that comes while a counter comes to its next half sees it whole', () => {
  const ledger = Ledger.create(1)
  const words = new Int32Array(ledger.buffer)
  words[FINISHED] = -(2 ** 31) // the first step of the writer is done, the second is not
  expect(ledger.counters.finished).toBe(2 ** 31)
})
