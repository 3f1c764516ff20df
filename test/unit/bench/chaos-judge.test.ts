import { describe, expect, test } from 'vitest'
import { ownSide } from '../../../bench/support/chaos-diary.mjs'
import { lostOf, overlapsOf, repeatsOf, sharedOf } from '../../../bench/support/chaos-judge.mjs'

const [A, B] = ['1/0', '2/0']
const at = (...partitions: number[]) => partitions.map((partition) => ({ topic: 'chaos', partition }))
const assigned = (pid: number, atMs: number, generation: number, assignment: number[], removed: number[] = []) => {
  return {
    pid,
    slot: 0,
    atMs,
    event: 'group:assigned',
    generation,
    removed: at(...removed),
    assignment: at(...assignment),
  }
}
const revoking = (pid: number, atMs: number, ...partitions: number[]) => {
  return { pid, slot: 0, atMs, event: 'group:revoking', partitions: at(...partitions) }
}
const lost = (pid: number, atMs: number, ...partitions: number[]) => {
  return { pid, slot: 0, atMs, event: 'group:lost', partitions: at(...partitions) }
}
const committed = (pid: number, atMs: number, offset: number) => {
  return { pid, slot: 0, atMs, event: 'offsets:committed', offsets: [{ partition: 0, offset: `${offset}` }] }
}
const handling = (member: string, offset: number, startMs: number, endMs: number | null = startMs + 10) => {
  return { member, kind: 'own', pid: Number(member[0]), partition: 0, offset, startMs, endMs }
}
const foreign = (kind: string, fromMs: number, toMs: number, how: string) => {
  return { member: `${kind} 1`, kind, partition: 0, fromMs, toMs, how }
}

describe('two owners at a moment are', () => {
  test('who holds a partition while another one has it by its own words', () => {
    const { holdings } = ownSide([assigned(1, 0, 1, [0]), assigned(2, 100, 2, [0]), assigned(1, 200, 3, [], [0])], [])
    expect(overlapsOf(holdings, [])).toMatchObject([{ before: { member: A }, after: { member: B }, ms: 100 }])
  })

  test('not who has said before that it gives the partition up, however late it says that it is gone', () => {
    const lines = [assigned(1, 0, 1, [0]), revoking(1, 90, 0), assigned(2, 100, 2, [0]), assigned(1, 200, 3, [], [0])]
    expect(overlapsOf(ownSide(lines, []).holdings, [handling(A, 1, 80)])).toEqual([])
  })

  test('who begins a message there although it has said so', () => {
    const lines = [assigned(1, 0, 1, [0]), revoking(1, 90, 0), assigned(2, 100, 2, [0]), assigned(1, 200, 3, [], [0])]
    expect(overlapsOf(ownSide(lines, []).holdings, [handling(A, 1, 150)])).toMatchObject([{ ms: 50 }])
  })

  test('not who was thrown out and hears of it late, unless it still begins messages', () => {
    const { holdings } = ownSide([assigned(1, 0, 1, [0]), assigned(2, 100, 2, [0]), lost(1, 200, 0)], [])
    expect(overlapsOf(holdings, [handling(A, 1, 80)])).toEqual([])
    expect(overlapsOf(holdings, [handling(A, 1, 150)])).toHaveLength(1)
  })

  test('who still holds what it gave up and got again', () => {
    const lines = [assigned(1, 0, 1, [0]), revoking(1, 50, 0), assigned(1, 60, 2, [0]), assigned(2, 100, 3, [0])]
    expect(overlapsOf(ownSide(lines, []).holdings, [])).toHaveLength(1)
  })

  test("Java's and ours, whatever Java calls it, but for the time that a node is away", () => {
    const { holdings } = ownSide([assigned(1, 100, 2, [0])], [])
    const all = [...holdings, foreign('java', 0, 200, 'revoked')]
    expect(overlapsOf(all, [])).toHaveLength(1)
    expect(overlapsOf(all, [], [{ fromMs: 50, toMs: 300 }])).toEqual([])
    expect(overlapsOf(all, [], [{ fromMs: 250, toMs: 300 }])).toHaveLength(1)
  })

  test('those of one generation, even if neither does anything there', () => {
    const lines = [assigned(1, 0, 4, [0, 1]), lost(1, 1, 0, 1), assigned(2, 500, 4, [1]), assigned(2, 600, 5, [0, 1])]
    expect(sharedOf(ownSide(lines, []).assignments)).toMatchObject([
      [
        { member: A, partition: 1 },
        { member: B, partition: 1 },
      ],
    ])
  })
})

test('a static member that comes back in the generation that it left is the same member', () => {
  const ends = [{ pid: 1, atMs: 50, how: 'SIGKILL' }]
  const lines = [assigned(1, 0, 4, [0]), assigned(2, 100, 4, [0])].map((line) => ({ ...line, instanceId: 'static-0' }))
  expect(sharedOf(ownSide(lines, ends).assignments)).toEqual([])
})

describe('a message that comes again', () => {
  const causes = (
    lines: readonly object[],
    first: ReturnType<typeof handling>,
    more: { killedMs?: number; outages?: { fromMs: number; toMs: number }[] } = {},
  ) => {
    const deaths = more.killedMs === undefined ? [] : [{ pid: 1, atMs: more.killedMs, how: 'SIGKILL' }]
    const side = ownSide([assigned(1, 0, 1, [0]), ...lines], deaths)
    const known = { ...side, deaths, outages: more.outages ?? [] }
    return repeatsOf([first, handling(B, first.offset, 30_000)], known).map(({ cause }) => cause)
  }

  test('needs a cause', () => {
    expect(causes([], handling(A, 1, 100))).toEqual([undefined])
  })

  test('was not committed yet when its process was killed, but not if it was finished long before', () => {
    expect(causes([], handling(A, 1, 100), { killedMs: 2_000 })).toEqual([
      'not committed yet when its process was killed',
    ])
    expect(causes([], handling(A, 1, 100), { killedMs: 20_000 })).toEqual([undefined])
    const outages = [{ fromMs: 1_000, toMs: 20_000 }]
    expect(causes([], handling(A, 1, 100), { killedMs: 20_000, outages })).toEqual([
      'a node was away, and then its process was killed',
    ])
  })

  test('is not excused by a kill when its own slot had committed it', () => {
    expect(causes([committed(1, 500, 2)], handling(A, 1, 100), { killedMs: 600 })).toEqual([undefined])
  })

  test('was in flight when its partition was given up, and not finished before', () => {
    const lines = [revoking(1, 1_000, 0), assigned(1, 1_100, 2, [], [0])]
    expect(causes(lines, handling(A, 1, 100, 1_050))).toEqual(['in flight when its partition was taken away'])
    expect(causes(lines, handling(A, 1, 100, null))).toEqual(['in flight when its partition was taken away'])
    expect(causes(lines, handling(A, 1, 100, 900))).toEqual([undefined])
  })

  test.each([
    ['revoked', 'its partition was given up while a node was away'],
    ['lost', 'its membership was lost while a node was away'],
  ])('could not be committed before the partition was %s, if a node went away soon after it or before', (how, cause) => {
    const lines = how === 'lost' ? [lost(1, 20_000, 0)] : [revoking(1, 19_999, 0), assigned(1, 20_000, 2, [], [0])]
    expect(causes(lines, handling(A, 1, 10_000), { outages: [{ fromMs: 9_000, toMs: 25_000 }] })).toEqual([cause])
    expect(causes(lines, handling(A, 1, 100), { outages: [{ fromMs: 9_000, toMs: 25_000 }] })).toEqual([undefined])
    expect(causes(lines, handling(A, 1, 10_000), { outages: [{ fromMs: 9_000, toMs: 11_000 }] })).toEqual([undefined])
  })

  test('is the doing of somebody else who committed less', () => {
    const first = handling(A, 1, 100)
    const side = ownSide([assigned(1, 0, 1, [0]), committed(1, 500, 2)], [])
    const less = { member: 'java 1', kind: 'java', partition: 0, offset: 1, atMs: 600 }
    const known = { ...side, deaths: [], outages: [], commits: [...side.commits, less] }
    const [repeat] = repeatsOf([first, handling(B, 1, 1_000)], known)
    expect(repeat?.cause).toBe('committed by own, and java committed less after that')
  })
})

test('a message that nobody handled to the end is lost', () => {
  const handlings = [handling(A, 0, 0), handling(A, 1, 10, null)]
  expect(lostOf([{ partition: 0, from: 0, to: 3 }], handlings)).toEqual(['0/1', '0/2'])
})
