import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Course, play, type World } from '../../../support/control/simulated-load.js'

const PARTITIONS = 16
/** Messages a second that a slot handles. */
const SPEED = 100

/** So much comes in a second, spread evenly. */
const evenly = (total: (atS: number) => number): World['arrivals'] => {
  return (_, atS) => total(atS) / PARTITIONS
}

const world = (more: Partial<World>): World => ({
  ...{ partitions: PARTITIONS, speed: SPEED, hours: 1, arrivals: evenly(() => 10) },
  ...more,
})

const steps = ({ changes }: Course): string[] => changes.map(({ from, to, reason }) => `${from} → ${to} ${reason}`)

const last = <T>(list: readonly T[]): T | undefined => list.at(-1)

const most = (list: readonly number[]): number => list.reduce((one, other) => Math.max(one, other), 0)

/** A generator of noise that is the same in each run. */
const noise = (seed: number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('a steady load', () => {
  test('has as many slots as it takes after half a minute, and goes on with them', () => {
    const course = play(world({ arrivals: evenly(() => 300), hours: 4 }))
    expect(steps(course)).toEqual(['1 → 2 lag', '2 → 4 lag'])
    expect(last(course.changes)?.atS).toBeLessThanOrEqual(40)
    expect(last(course.lag)).toBe(0)
  })

  test('does so too when it is uneven, and what is seen of it inexact', () => {
    const random = noise(7)
    const course = play(world({ arrivals: evenly(() => 300 * (0.5 + random())), random, hours: 3 }))
    expect(course.changes.length).toBeLessThanOrEqual(3)
    expect(last(course.slots)).toBe(4)
  })

  test('that one slot just bears has one; a little more has two', () => {
    const random = noise(1)
    expect(steps(play(world({ arrivals: evenly(() => 95), random, hours: 2 })))).toEqual([])
    expect(steps(play(world({ arrivals: evenly(() => 120), random, hours: 2 })))).toEqual(['1 → 2 lag'])
  })
})

test('a burst has all slots within a minute, and none more than it takes after twice the quiet for each half', () => {
  const course = play(world({ arrivals: evenly((atS) => (atS > 600 && atS < 900 ? 700 : 10)) }))
  expect(steps(course)).toEqual(['1 → 2 lag', '2 → 4 lag', '4 → 8 lag', '8 → 4 idle', '4 → 2 idle', '2 → 1 idle'])
  expect(course.slots[660]).toBe(8)
  expect(last(course.lag)).toBe(0)
})

test('what has come all at once is caught up with by all slots', () => {
  const course = play(world({ arrivals: evenly((atS) => (atS === 600 ? 200_000 : 10)) }))
  expect(most(course.slots)).toBe(8)
  // One slot alone would take more than half an hour.
  expect(course.lag[950]).toBeLessThan(100)
  expect(last(course.slots)).toBe(1)
})

describe('a sawtooth', () => {
  test('with teeth shorter than the quiet keeps the slots that it takes', () => {
    const course = play(world({ arrivals: evenly((atS) => (atS % 180 < 60 ? 400 : 10)), hours: 3 }))
    expect(steps(course)).toEqual(['1 → 2 lag', '2 → 4 lag'])
  })

  test('with teeth a little longer is given up on: the quiet gets longer', () => {
    const course = play(world({ arrivals: evenly((atS) => (atS % 600 < 300 ? 400 : 10)), hours: 3 }))
    expect(course.changes.length).toBeLessThanOrEqual(6)
    expect(course.slots.slice(1_200)).not.toContain(1)
  })

  test('with long teeth is followed, at a few changes for each', () => {
    const course = play(world({ arrivals: evenly((atS) => ((atS % 3_600) / 3_600) * 700), hours: 3 }))
    expect(course.changes.length).toBeLessThanOrEqual(3 * 6)
    expect(most(course.lag)).toBeLessThan(700 * 60)
  })
})

test('night and day are followed, without going to and fro', () => {
  const day = 4 * 3_600
  const arrivals = evenly((atS) => 350 - 340 * Math.cos((atS / day) * 2 * Math.PI))
  const { changes, slots, lag } = play(world({ arrivals, hours: 8 }))
  expect(changes.length).toBeLessThanOrEqual(2 * 10)
  expect([slots[day / 2 + 600], slots[day + 600]]).toEqual([8, 1])
  expect(most(lag)).toBeLessThan(700 * 60)
})

describe('lag that no slot can drain', () => {
  test.each([
    ['of a partition that does not move', { stuck: [3], arrivals: evenly(() => 80) }],
    ['of a partition that stands still and says so', { stuck: [3], pausesStuck: true, arrivals: evenly(() => 80) }],
    [
      'of a partition that has more than one slot can handle',
      { arrivals: (partition: number) => (partition ? 1 : 300) },
    ],
  ])('adds none: %s', (_, more) => {
    expect(steps(play(world({ ...more, hours: 3 })))).toEqual([])
  })

  test('keeps none, either, when the work is done', () => {
    const arrivals = evenly((atS) => (atS < 300 ? 700 : 10))
    const course = play(world({ arrivals, stuck: [3], hours: 1 }))
    expect(most(course.slots)).toBe(8)
    expect(last(course.slots)).toBe(1)
  })
})

describe('with several handlers in flight in a slot, each with a partition of its own', () => {
  test('a slot whose partitions all have one is not helped by more slots', () => {
    expect(steps(play(world({ concurrency: 16, arrivals: evenly(() => 2_000) })))).toEqual([])
  })

  test('there are as many slots as it takes for each partition to have one, and no more', () => {
    const course = play(world({ concurrency: 4, arrivals: evenly(() => 2_000) }))
    expect(steps(course)).toEqual(['1 → 2 lag', '2 → 4 lag'])
  })

  test('fewer slots are enough as long as each partition has one', () => {
    const course = play(world({ concurrency: 16, startsWith: 8, arrivals: evenly(() => 1_000) }))
    expect(steps(course)).toEqual(['8 → 4 idle', '4 → 2 idle', '2 → 1 idle'])
    expect(last(course.lag)).toBe(0)
  })
})

describe('never more slots', () => {
  test('than partitions', () => {
    const course = play(world({ partitions: 3, arrivals: () => 500 }))
    expect(steps(course)).toEqual(['1 → 2 lag', '2 → 3 lag'])
  })

  test.each([2, 4])('than the %i cores can run, when they have no time to spare', (cores) => {
    const course = play(world({ arrivals: evenly(() => 1_000), cores }))
    expect(most(course.slots)).toBe(cores)
  })

  test('than the most, also when handlers wait for others and leave the cores idle', () => {
    const course = play(world({ arrivals: evenly(() => 1_000), cores: 1, coresOfSlot: 0.01 }))
    expect(most(course.slots)).toBe(8)
  })
})

test('whatever comes: within the limits, twice as many or half as many at most, each after what it takes to see', () => {
  const phase = fc.record({ total: fc.integer({ min: 0, max: 1_200 }), seconds: fc.integer({ min: 5, max: 900 }) })
  const property = fc.property(
    fc.array(phase, { minLength: 1, maxLength: 8 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 1, max: 1e6 }),
    (phases, min, more, seed) => {
      const ends = phases.map((_, at) => phases.slice(0, at + 1).reduce((sum, { seconds }) => sum + seconds, 0))
      const length = last(ends) ?? 1
      const total = (atS: number) => phases[ends.findIndex((end) => atS % length < end)]?.total ?? 0
      const limits = { min, max: min + more }
      // Fewer than the most in some, more in others.
      const partitions = 4 + (seed % (PARTITIONS - 3))
      const { changes, slots } = play(
        world({
          partitions,
          arrivals: evenly(total),
          limits,
          hours: 0.7,
          random: noise(seed),
          stuck: [seed % partitions],
        }),
      )
      expect(slots.every((count) => count >= limits.min && count <= Math.min(limits.max, partitions))).toBe(true)
      changes.forEach(({ atS, from, to, reason }, at) => {
        const sinceS = atS - (changes[at - 1]?.atS ?? 0)
        if (reason === 'lag') expect([to > from, to <= 2 * from, sinceS >= 12]).toEqual([true, true, true])
        else expect([to < from, to >= from / 2, sinceS >= 120]).toEqual([true, true, true])
      })
    },
  )
  fc.assert(property, { numRuns: 25 })
})
