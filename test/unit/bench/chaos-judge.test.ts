import { describe, expect, test } from 'vitest'
import { blindnessOf, lostOf, overlapsOf, straysOf } from '../../../bench/support/chaos-judge.mjs'

/* What the judge must see is planted here. */

const holding = (member: string, fromMs: number, toMs: number, [first, last]: [number, number], more: object = {}) => ({
  ...{ member, kind: 'own', instanceId: null, partition: 0, fromMs, toMs, gaveUpMs: null, how: 'revoked' },
  ...{ fromGeneration: first, toGeneration: last },
  ...more,
})
const begun = (member: string, startMs: number, more: object = {}) => ({
  ...{ member, kind: 'own', partition: 0, offset: startMs, startMs, endMs: startMs + 1 },
  ...more,
})

describe('overlaps', () => {
  test('are none when a partition is handed on from one generation to the next', () => {
    const held = [holding('a', 0, 100, [1, 2], { gaveUpMs: 90 }), holding('b', 101, 200, [3, 4])]
    expect(overlapsOf(held, [begun('a', 80), begun('b', 110)])).toEqual([])
  })

  test('are two owners in the same generation, also when the first was lost and did nothing there any more', () => {
    const held = [holding('a', 0, 100, [1, 3], { how: 'lost' }), holding('b', 50, 200, [3, 4])]
    expect(overlapsOf(held, [begun('a', 10), begun('b', 60)])).toMatchObject([{ why: 'the same generation' }])
  })

  test('are two owners in the same generation, also when one came after the other', () => {
    const held = [holding('a', 0, 100, [1, 3]), holding('b', 150, 200, [3, 4])]
    expect(overlapsOf(held, [])).toHaveLength(1)
  })

  test('are not seen in generations when the one who is told late had the partition in an older one', () => {
    const held = [holding('b', 0, 100, [6, 7]), holding('a', 50, 60, [5, 5], { how: 'lost' })]
    expect(overlapsOf(held, [begun('b', 10)])).toEqual([])
  })

  test('are begins after the loss of an older generation, when another had begun to own the partition', () => {
    const held = [holding('a', 0, 100, [1, 2], { how: 'lost' }), holding('b', 50, 200, [3, 4])]
    expect(overlapsOf(held, [begun('a', 40)])).toEqual([])
    expect(overlapsOf(held, [begun('a', 70)])).toMatchObject([{ ms: 20, why: 'the same time' }])
  })

  test('are begins while a partition is given up that another has already, also when they end the holding late', () => {
    const held = [holding('a', 0, 120, [1, 2], { gaveUpMs: 90 }), holding('b', 100, 200, [3, 4])]
    expect(overlapsOf(held, [begun('a', 80)])).toEqual([]) // told of its end a moment after the other
    expect(overlapsOf(held, [begun('a', 110)])).toHaveLength(1)
    expect(overlapsOf(held, [begun('a', 150)])).toHaveLength(1)
  })

  test('are holdings that last while another has the partition, with no word that they were given up', () => {
    expect(overlapsOf([holding('a', 0, 120, [1, 2]), holding('b', 100, 200, [3, 4])], [])).toHaveLength(1)
  })

  test('are none when a static member comes back in its generation, if its first process has ended', () => {
    const instanceId = 'static'
    const held = [
      holding('a', 0, 100, [2, 2], { how: 'ended', instanceId }),
      holding('b', 150, 200, [2, 3], { instanceId }),
    ]
    expect(overlapsOf(held, [begun('a', 90)])).toEqual([])
    expect(overlapsOf(held, [begun('a', 160)])).toHaveLength(1)
    const [first, second] = held
    expect(overlapsOf([{ ...first, toMs: 170 }, second], [])).toHaveLength(1)
  })

  test('are none on another partition, or with itself', () => {
    const held = [holding('a', 0, 100, [1, 2]), holding('b', 50, 200, [2, 4], { partition: 1 })]
    expect(overlapsOf([...held, holding('a', 50, 90, [2, 2])], [])).toEqual([])
  })
})

test('a slot strays when it begins a message before it has the partition, or when it has given it up', () => {
  const held = [holding('a', 10, 100, [1, 2], { gaveUpMs: 90 })]
  expect(straysOf(held, [begun('a', 50), begun('c', 50, { kind: 'java' })])).toEqual([])
  for (const astray of [begun('a', 5), begun('a', 95), begun('a', 50, { partition: 1 }), begun('b', 50)]) {
    expect(straysOf(held, [astray])).toEqual([astray])
  }
})

test('a message is lost when nobody handled it to the end', () => {
  const ranges = [{ partition: 0, from: 1, to: 4 }]
  expect(lostOf(ranges, [begun('a', 1), begun('b', 2, { endMs: null })])).toEqual(['0/2', '0/3'])
})

test('the judge is blind when a kind of member says nothing, or not in which generation it held', () => {
  const seen = { holdings: [holding('a', 0, 1, [1, 1])], handlings: [begun('a', 0)], commits: [begun('a', 0)] }
  expect(blindnessOf(['own'], seen)).toEqual([])
  expect(blindnessOf(['own', 'java'], seen)).toHaveLength(3)
  const holdings = [{ ...holding('a', 0, 1, [1, 1]), fromGeneration: null }]
  expect(blindnessOf(['own'], { ...seen, holdings })).toHaveLength(1)
})
