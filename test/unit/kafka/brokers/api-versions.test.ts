import { describe, expect, it } from 'vitest'
import { pickVersion, refuseForeignBroker, speaksStaticMembership } from '#src/kafka/brokers/api-versions.js'
import { KafkaError } from '#src/kafka/kafka-error.js'

describe('the version of a request', () => {
  const ranges = { 11: { minVersion: 2, maxVersion: 5 }, 12: { minVersion: 4, maxVersion: 4 } }

  it('is the highest that both sides speak', () => {
    expect(pickVersion(ranges, 'JoinGroup', [0, 1, 2, 3, 9])).toBe(3)
    expect(pickVersion(ranges, 'JoinGroup', [5])).toBe(5)
  })

  it('is an error when there is none, also when the broker’s lowest is too high', () => {
    expect(() => pickVersion(ranges, 'Heartbeat', [0, 1, 2, 3])).toThrow('the broker speaks versions 4 to 4')
    expect(() => pickVersion(ranges, 'SyncGroup', [3])).toThrow('does not know it')
    expect(() => pickVersion(ranges, 'JoinGroup', [6])).toThrow(KafkaError)
  })

  it('decides whether static members can be fenced in every request', () => {
    const modern = Object.fromEntries([11, 12, 13, 14, 8].map((key) => [key, { minVersion: 0, maxVersion: 7 }]))
    expect(speaksStaticMembership(modern)).toBe(true)
    expect(speaksStaticMembership({ ...modern, 8: { minVersion: 0, maxVersion: 6 } })).toBe(false)
  })
})

describe('a broker', () => {
  const modern = Object.fromEntries(
    [1, 2, 3, 8, 9, 10, 11, 12, 13, 14].map((key) => [key, { minVersion: 0, maxVersion: 99 }]),
  )

  it('that speaks what a pool needs is taken', () => {
    expect(() => refuseForeignBroker(modern, 'b:1')).not.toThrow()
  })

  it.each([
    [1, 'Fetch', { minVersion: 12, maxVersion: 20 }, 'KCP_BROKER_TOO_NEW', 'speaks versions 12 to 20'],
    [14, 'SyncGroup', { minVersion: 4, maxVersion: 6 }, 'KCP_BROKER_TOO_NEW', 'this client 0, 1, 2, 3'],
    [1, 'Fetch', { minVersion: 0, maxVersion: 3 }, 'KCP_BROKER_TOO_OLD', 'speaks versions 0 to 3'],
    [9, 'OffsetFetch', undefined, 'KCP_BROKER_TOO_OLD', 'does not know it'],
  ])('is refused at once when request %i (%s) cannot be sent in %j: %s', (key, api, range, code, why) => {
    const { [key]: _, ...others } = modern
    const ranges = range === undefined ? others : { ...modern, [key]: range }
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(expect.objectContaining({ code }))
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(
      `${api} cannot be sent to the broker at b:1: the broker ${range === undefined ? why : ''}`,
    )
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(why)
  })
})
