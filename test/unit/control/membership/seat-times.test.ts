import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kafkaOfSeat, syncHoldMs } from '#src/control/membership/seat-times.js'
import { kafkaConfig, slotConfig } from '../../../support/config/slot-config.js'

const times = fc.integer({ min: 1, max: 2 ** 31 - 1 })

test('a seat waits a third of its session for an answer at most, a sixth for connecting, a sixth for authentication', () => {
  fc.assert(
    fc.property(times, times, times, times, (session, connectionTimeout, authenticationTimeout, requestTimeout) => {
      const kafka = kafkaConfig({ connectionTimeout, authenticationTimeout, requestTimeout })
      const config = slotConfig({ kafka, consumer: { sessionTimeout: Math.max(6, session) } })
      const { sessionTimeout } = config.consumer
      const seat = kafkaOfSeat(config)
      expect(seat.requestTimeout).toBe(Math.min(requestTimeout, Math.floor(sessionTimeout / 3)))
      expect(seat.connectionTimeout).toBe(Math.min(connectionTimeout, Math.floor(sessionTimeout / 6)))
      expect(seat.authenticationTimeout).toBe(Math.min(authenticationTimeout, Math.floor(sessionTimeout / 6)))
      expect(syncHoldMs(config.consumer) + Math.floor(sessionTimeout / 3)).toBe(sessionTimeout)
      expect({ ...seat, connectionTimeout, authenticationTimeout, requestTimeout }).toEqual(kafka)
    }),
  )
})
