import { expect, test } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { decodedBatch } from '#src/control/in-flight.js'
import { Ledger } from '#src/protocol/ledger.js'

test('a batch whose codec is awaited has nothing to do with a death while a handler is in flight', () => {
  const holdings = new Holdings()
  const [{ id = -1 } = {}] = holdings.add([{ topic: 'orders', partition: 3, offset: 5n, committed: 5n }]).added
  const ledger = Ledger.create(2)
  const batch = { topic: 'orders', partition: 3, offset: '7', last: '9' }
  expect(decodedBatch(ledger, holdings)).toBeNull()
  ledger.beginDecoding(id, 7, 9, true)
  expect(decodedBatch(ledger, holdings)).toEqual(batch)
  ledger.begin(0, id, 5, 1, 0)
  expect(decodedBatch(ledger, holdings)).toBeNull()
  ledger.beginDecoding(id, 7, 9)
  expect(decodedBatch(ledger, holdings)).toEqual(batch)
  ledger.beginDecoding(id + 1, 7, 9)
  expect(decodedBatch(ledger, holdings)).toBeNull()
})
