import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ClientIds,
  clientIdBaseFault,
  duplicates,
  instanceIdFault,
  instanceIdFor,
  MAX_CLIENT_ID_BASE,
} from '#src/identity.js'

const base = fc.stringMatching(/^[A-Za-z0-9._-]{1,214}$/)
const slot = fc.integer({ min: 0, max: 9_999 })

describe('a client id', () => {
  test('is base, slot, seconds with microseconds and eleven hex characters', () => {
    const ids = new ClientIds({ now: () => 1795240658024.123, random: (bytes) => new Uint8Array(bytes).fill(0x9f) })
    expect(ids.next('orders', 3)).toBe('orders-03-1795240658.024123-9f9f9f9f9f9')
  })

  test('takes a word for a connection that belongs to no slot', () => {
    expect(new ClientIds().next('orders', 'pool')).toMatch(/^orders-pool-\d{10}\.\d{6}-[0-9a-f]{11}$/)
  })

  test('carries the wall clock', () => {
    const before = Date.now() / 1000
    const seconds = Number(new ClientIds().next('x', 0).split('-')[2])
    // Ids that were made in the same millisecond push the time forward by a microsecond each.
    expect(seconds).toBeGreaterThanOrEqual(before - 0.001)
    expect(seconds).toBeLessThan(before + 5)
  })

  test('asks its random source for as many bytes as it shows', () => {
    const asked: number[] = []
    const random = (bytes: number) => {
      asked.push(bytes)
      return new Uint8Array(bytes)
    }
    new ClientIds({ random }).next('x', 0)
    expect(asked).toEqual([6])
  })

  test('never repeats a time within the process, not even between two makers', () => {
    const makers = [new ClientIds(), new ClientIds()]
    const times = Array.from({ length: 2_000 }, (_, index) => makers[index % 2]?.next('x', 0).split('-')[2] ?? '')
    expect(new Set(times).size).toBe(times.length)
    expect(times).toEqual(times.toSorted())
  })

  test('has a strictly later time than the one before, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e12, max: 4e12, noNaN: true }), { minLength: 2 }), (clock) => {
        let tick = 0
        const ids = new ClientIds({ now: () => clock[tick++] ?? 0, random: (bytes) => new Uint8Array(bytes) })
        const times = clock.map(() => ids.next('x', 0).split('-')[2] ?? '')
        for (const [index, time] of times.entries()) if (index > 0) expect(time > (times[index - 1] ?? '')).toBe(true)
      }),
    )
  })

  test('is safe and short enough for every base that is accepted', () => {
    fc.assert(
      fc.property(base, slot, (name, number) => {
        const id = new ClientIds().next(name, number)
        expect(id).toMatch(/^[A-Za-z0-9._-]+$/)
        expect(id.length).toBeLessThanOrEqual(249)
      }),
    )
  })

  test('sorts by slot, not by time, so that a restart moves nobody', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(100).keys()], { minLength: 2 }), (slots) => {
        const ids = new ClientIds()
        const sorted = slots.map((number) => ids.next('orders', number)).sort()
        expect(sorted.map((id) => Number(id.split('-')[1]))).toEqual(slots.toSorted((a, b) => a - b))
      }),
    )
  })

  test.each([
    ['', 'is empty'],
    ['orders api', 'has characters'],
    ['orders/1', 'has characters'],
    ['ordérs', 'has characters'],
    ['x'.repeat(MAX_CLIENT_ID_BASE + 1), 'has 215 characters'],
  ])('refuses the base %j', (name, fault) => {
    expect(clientIdBaseFault(name)).toContain(fault)
    expect(() => new ClientIds().next(name, 0)).toThrow(RangeError)
  })

  test('refuses a word that would make it unsafe or too long', () => {
    for (const word of ['', 'a b', 'seats']) expect(() => new ClientIds().next('x', word)).toThrow(RangeError)
  })
})

describe('an instance id', () => {
  test.each([
    ['pod', 0, 1, 'pod'],
    ['pod', 0, 2, 'pod-0'],
    ['pod', 11, 12, 'pod-11'],
    ['{slot}', 4, 8, '4'],
    ['pod-{slot}-a', 0, 1, 'pod-0-a'],
    ['{slot}.{slot}', 7, 8, '7.7'],
  ])('%j for slot %i of %i is %j', (id, number, slots, expected) => {
    expect(instanceIdFor(id, number, slots)).toBe(expected)
  })

  test('is another one for every slot of a group', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}(\{slot\})?[A-Za-z0-9._-]{0,20}$/)
    fc.assert(
      fc.property(id, fc.integer({ min: 1, max: 50 }), (given, slots) => {
        const ids = Array.from({ length: slots }, (_, number) => instanceIdFor(given, number, slots))
        expect(duplicates(ids)).toEqual([])
      }),
    )
  })

  test.each([
    ['', 'is empty'],
    ['.', 'does not allow'],
    ['..', 'does not allow'],
    ['a/b', 'has characters'],
    ['{slot}', 'has characters'],
    ['x'.repeat(250), 'has 250 characters'],
  ])('%j is refused', (id, fault) => {
    expect(instanceIdFault(id)).toContain(fault)
  })

  test('of 249 characters is accepted', () => {
    expect(instanceIdFault('x'.repeat(249))).toBeUndefined()
  })
})

test('duplicates names each value that occurs twice, and where, but not the absent ones', () => {
  expect(duplicates(['a', null, 'b', 'a', null, 'a'])).toEqual([{ id: 'a', at: [0, 3, 5] }])
})
