import { describe, expect, test } from 'vitest'
import { type FetchCandidate, fetchWaitMs, inTwo, planFetch } from '#src/data/fetching/fetch-plan.js'

const limits = { bufferBytes: 1_000, maxBytes: 10_000, maxBytesPerPartition: 300 }
const candidate = (more: Partial<FetchCandidate> = {}): FetchCandidate => ({
  heldBytes: 0,
  waitingBytes: more.heldBytes ?? 0,
  enoughBytes: 200,
  askBytes: 250,
  leastBytes: 0,
  expansion: 1,
  atEnd: false,
  fresh: false,
  waits: false,
  cannotMove: false,
  ...more,
})
const asked = (line: readonly FetchCandidate[], more: Partial<typeof limits> = {}) =>
  planFetch(line, { ...limits, ...more }).wanted.map((wanted) => [line.indexOf(wanted.candidate), wanted.maxBytes])

describe('a Fetch waits', () => {
  const bringBytes = (line: readonly FetchCandidate[], more: Partial<typeof limits> = {}) =>
    planFetch(line, { ...limits, ...more }).bringBytes

  test('for no more than what can come of those that have something, or of all when none is known to', () => {
    const ends = candidate({ atEnd: true })
    expect(bringBytes([candidate(), ends, candidate({ askBytes: 200 })])).toBe(450)
    expect(bringBytes([ends, ends])).toBe(500)
  })

  test('for no more than the whole answer may have', () => {
    expect(bringBytes([candidate(), candidate()], { maxBytes: 400 })).toBe(400)
    expect(bringBytes([candidate(), candidate({ heldBytes: 800, cannotMove: true, waits: true })])).toBe(200)
  })

  test('for one byte while something is fetched for the first time', () => {
    expect(bringBytes([candidate(), candidate({ fresh: true })])).toBe(1)
  })
})

describe('a Fetch asks', () => {
  test('for every partition that has not enough, in line', () => {
    const line = [candidate(), candidate({ heldBytes: 161, enoughBytes: 160 }), candidate({ heldBytes: 160 })]
    expect(asked(line)).toEqual([
      [0, 250],
      [2, 250],
    ])
    expect(planFetch(line, limits).leftOut).toBe(1)
  })

  test('for nothing, and not because everybody has enough, when what is left is too little for whoever has something', () => {
    const full = candidate({ heldBytes: 900, waitingBytes: 900 })
    const hungry = candidate({ heldBytes: 50 })
    expect(planFetch([full, hungry], limits)).toMatchObject({ wanted: [], roomBytes: 50, isCalm: false })
    expect(planFetch([full], limits)).toMatchObject({ wanted: [], roomBytes: 100, isCalm: true })
  })

  test('for all of a batch that was cut off, whatever memory it takes and however little room is left, when it is first in line', () => {
    const held = candidate({ heldBytes: 950, waitingBytes: 950 })
    const cutOff = candidate({ askBytes: 290, leastBytes: 280, expansion: 10 })
    expect(planFetch([held, cutOff], limits)).toMatchObject({
      wanted: [{ maxBytes: 280 }],
      maxBytes: 280,
      roomBytes: 50,
    })
    expect(planFetch([held, cutOff], { ...limits, maxBytes: 200 })).toMatchObject({ maxBytes: 200 })
    expect(planFetch([held, candidate({ expansion: 10 })], limits)).toMatchObject({ maxBytes: 50 })
  })

  test('for no partition that has half of its share, however fast it is handled', () => {
    const fast = { enoughBytes: 1e9, askBytes: 1e9 }
    expect(asked([candidate({ ...fast, heldBytes: 251 }), candidate({ ...fast, heldBytes: 250 })])).toEqual([[1, 300]])
  })

  test('for no more than maxBytesPerPartition, and in all for no more than maxBytes and than there is room', () => {
    expect(asked([candidate({ askBytes: 999 })])).toEqual([[0, 300]])
    expect(planFetch([candidate()], { ...limits, maxBytes: 500 }).maxBytes).toBe(500)
    expect(planFetch([candidate({ heldBytes: 150 })], limits)).toMatchObject({ maxBytes: 850, roomBytes: 850 })
  })

  test('for as many as there is room for, counting what their batches grow to', () => {
    const line = [candidate({ expansion: 3 }), candidate({ expansion: 3 }), candidate()]
    expect(asked(line)).toEqual([
      [0, 250],
      [2, 250],
    ])
  })

  test('for partitions that cannot move after those that can: what comes of them could not be handled now', () => {
    const stuck = candidate({ expansion: 3, cannotMove: true })
    const line = [stuck, candidate({ expansion: 3 }), candidate()]
    expect(asked(line)).toEqual([
      [1, 250],
      [2, 250],
    ])
    expect(asked([stuck, candidate({ atEnd: true })])).toEqual([
      [1, 250],
      [0, 250],
    ])
  })

  test('for partitions that have come to their end at no cost', () => {
    const ends = Array.from({ length: 100 }, () => candidate({ atEnd: true, enoughBytes: 1 }))
    expect(asked([...ends, candidate({ enoughBytes: 1 })])).toHaveLength(101)
  })

  test('for the first that has nothing, however large its batches are, while there is any room', () => {
    const held = candidate({ heldBytes: 999, waitingBytes: 999 })
    expect(asked([held, candidate({ expansion: 1_000 }), candidate()])).toEqual([[1, 1]])
    expect(asked([held, candidate()])).toEqual([[1, 250]])
    expect(planFetch([held, candidate()], limits)).toMatchObject({ maxBytes: 1, roomBytes: 1 })
  })

  test('for nothing of a partition that waits for a retry', () => {
    expect(asked([candidate({ waits: true, cannotMove: true })])).toEqual([])
  })
})

describe('without room', () => {
  const full = { heldBytes: 500, waitingBytes: 500 }

  test('what cannot move is let go when somebody has nothing', () => {
    const line = [candidate(full), candidate({ ...full, waits: true, cannotMove: true }), candidate()]
    expect(planFetch(line, limits)).toMatchObject({ wanted: [], letGo: [line[1]] })
  })

  test('nothing is let go while everybody has something, or cannot use it', () => {
    const stuck = candidate({ ...full, waits: true, cannotMove: true })
    expect(planFetch([candidate(full), stuck], limits).letGo).toEqual([])
    expect(planFetch([candidate(full), stuck, candidate({ cannotMove: true })], limits).letGo).toEqual([])
  })
})

describe('a Fetch may be held by the broker', () => {
  test('for maxWaitTimeInMs while nothing was left out', () => expect(fetchWaitMs(0, 9, 5_000)).toBe(5_000))
  test('for a moment only while a full buffer may have room soon', () => expect(fetchWaitMs(1, 0, 5_000)).toBe(5))
  test('for 100 ms at most while anything is left out', () => expect(fetchWaitMs(1, 99, 5_000)).toBe(100))
  test('never for longer than maxWaitTimeInMs', () => expect(fetchWaitMs(1, 99, 20)).toBe(20))
})

describe('a first Fetch', () => {
  const mib = 1024 * 1024
  const large = { bufferBytes: 16 * mib, maxBytes: 10 * mib, maxBytesPerPartition: mib }
  const parts = (line: readonly FetchCandidate[], more: Partial<typeof large> = {}) =>
    inTwo(planFetch(line, { ...large, ...more }))
  const fresh = candidate({ fresh: true, askBytes: 600_000 })

  test('by which much can come leaves as two: one for the first in line, one for the others', () => {
    const line = [{ ...fresh }, { ...fresh }, { ...fresh }]
    const [first, second, ...more] = parts(line)
    expect(more).toEqual([])
    expect(first).toMatchObject({ wanted: [{ candidate: line[0] }], maxBytes: 600_000, bringBytes: 1 })
    expect(second?.wanted.map((wanted) => wanted.candidate)).toEqual(line.slice(1))
    expect(second).toMatchObject({ maxBytes: 10 * mib - 600_000, bringBytes: 1 })
  })

  test('as two takes no more memory, and brings no more, than as one', () => {
    for (const count of [3, 8, 50]) {
      const line = Array.from({ length: count }, () => ({ ...fresh }))
      const plan = planFetch(line, large)
      const both = inTwo(plan)
      expect(both).toHaveLength(2)
      expect(both.reduce((sum, { roomBytes }) => sum + roomBytes, 0)).toBe(plan.roomBytes)
      expect(both.reduce((sum, { maxBytes }) => sum + maxBytes, 0)).toBe(plan.maxBytes)
      expect(both.flatMap(({ wanted }) => wanted)).toEqual(plan.wanted)
    }
  })

  test('stays one when little can come, when it is not the first of all, and when the answer has no room for two', () => {
    expect(parts([fresh, { ...fresh, askBytes: 64 * 1024 }])).toHaveLength(1)
    expect(parts([fresh, fresh, { ...fresh, fresh: false }])).toHaveLength(1)
    expect(parts([fresh, fresh, fresh], { maxBytes: 600_000 })).toHaveLength(1)
    expect(parts([])).toHaveLength(1)
  })
})
