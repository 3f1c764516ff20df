import { expect, test } from 'vitest'
import { Ledger } from '#src/protocol/ledger.js'

/** Where the counter of finished messages stands in the ledger's words. */
const FINISHED = 2

test('the counters of an incarnation do not wrap', () => {
  const ledger = Ledger.create(1)
  const words = new Int32Array(ledger.buffer)
  let expected = 0
  for (let halfTurn = 1; halfTurn <= 5; halfTurn++) {
    // Nobody counts that far in a test: up to the last message before the next half turn of the 32 bits.
    words[FINISHED] = halfTurn % 2 === 1 ? 2 ** 31 - 1 : -1
    expected = halfTurn * 2 ** 31 - 1
    expect(ledger.counters.finished).toBe(expected)
    for (let n = 0; n < 3; n++) {
      ledger.countFinished()
      expect(ledger.counters.finished).toBe(++expected)
    }
  }
  expect(ledger.counters).toMatchObject({ failed: 0, retried: 0 })
})

test('a reader that comes while a counter takes a half turn sees it whole', () => {
  const ledger = Ledger.create(1)
  const words = new Int32Array(ledger.buffer)
  words[FINISHED] = -(2 ** 31) // the first step of the writer is done, the second is not
  expect(ledger.counters.finished).toBe(2 ** 31)
})
