import { describe, expect, test } from 'vitest'
import { Holdings } from '#src/control/holdings.js'

describe('a partition whose log begins anew', () => {
  test('is committed where it is, below the offset of the old log', () => {
    const holdings = new Holdings()
    holdings.add([{ topic: 'orders', partition: 0, offset: 1_000n, committed: 1_000n }])
    // The topic was deleted and created again: the thread resets to 0 and handles five messages.
    holdings.all()[0]?.page.finish(0, 5)
    expect(holdings.uncommitted()).toMatchObject([{ topic: 'orders', partition: 0, offset: 5n }])
    holdings.markCommitted({ topic: 'orders', partition: 0, offset: 5n })
    expect(holdings.uncommitted()).toEqual([])
  })
})
