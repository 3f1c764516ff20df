import { describe, expect, test } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { StallWatch } from '#src/control/stall-watch.js'

/** One partition in which messages wait. */
const waiting = () => {
  const holdings = new Holdings()
  holdings.add([{ topic: 'orders', partition: 0, offset: 0n, committed: 0n }])
  const [holding] = holdings.all()
  holding?.page.fetched(0, 0, 100)
  return holdings.all()
}

describe('the watch over slots in which nothing moves', () => {
  test('counts from the moment at which a handler came back without having moved anything', () => {
    const watch = new StallWatch()
    const holdings = waiting()
    watch.look(holdings, true, 0)
    watch.look(holdings, false, 1_000)
    expect(watch.look(holdings, false, 61_000)).toBe(60_000)
    expect(watch.stalledMs(61_000)).toBe(60_000)
  })
})
