import { describe, expect, test } from 'vitest'
import { releaseTimes } from '#src/control/membership/release-times.js'
import { consumerConfig } from '../../../support/config/slot-config.js'

describe('a seat keeps a rebalance waiting', () => {
  test.each([
    ['for three seconds, and for the commit', 45_000, 3_000, 60_000, 3_000, 700],
    ['for no longer than a third of its session', 6_000, 500, 60_000, 2_000, 700],
    ['for half of what the rebalance timeout leaves after a heartbeat', 45_000, 1_000, 4_000, 800, 700],
    ['not at all when nothing is left', 45_000, 3_000, 2_000, 0, 0],
  ])('%s', (_, sessionTimeout, heartbeatInterval, rebalanceTimeout, quiesceMs, commitMs) => {
    const config = consumerConfig({ sessionTimeout, heartbeatInterval, rebalanceTimeout })
    expect(releaseTimes(config)).toEqual({ quiesceMs, commitMs })
  })
})
