import { describe, expect, test } from 'vitest'
import { repeatsOf } from '../../../bench/support/chaos-causes.mjs'

/* Each repetition that is excused here has one beside it that must not be. */

const TIMES = { sessionMs: 10_000, heartbeatMs: 1_000, commitMs: 1_000, commitTakesMs: 3_000 }

const handled = (member: string, startMs: number, endMs: number | null, more: object = {}) => ({
  ...{ member, kind: 'own', pid: member.charCodeAt(0), partition: 0, offset: 5, startMs, endMs },
  ...more,
})
const holding = (member: string, fromMs: number, toMs: number, how: string, more: object = {}) => ({
  ...{ member, kind: 'own', partition: 0, fromMs, toMs, gaveUpMs: null, how },
  ...more,
})
const committed = (member: string, atMs: number, offset: number, more: object = {}) => ({
  ...{ member, kind: 'own', partition: 0, offset, atMs },
  ...more,
})

/** Handled by `a`, and again by `b`, which holds the partition from 50 s on. */
const causeOf = (first: object, end: object, more: Record<string, object[]> = {}) => {
  const known = { handlings: [], commits: [], deaths: [], crashes: [], outages: [], ...more }
  const handlings = [first, handled('b', 50_010, 50_011), ...known.handlings]
  const holdings = [end, holding('b', 50_000, Number.POSITIVE_INFINITY, 'held')]
  const repeats = repeatsOf({ ...known, handlings, holdings }, TIMES)
  expect(repeats).toHaveLength(1)
  return repeats[0]?.cause
}

describe('when a process was killed', () => {
  const killed = holding('a', 0, 40_000, 'ended')
  const deaths = [{ pid: 97, atMs: 40_000, how: 'SIGKILL' }]

  test('what was in flight may come again, but not what its slot went on after', () => {
    const first = handled('a', 39_990, null)
    expect(causeOf(first, killed, { deaths })).toBe('in flight when its process was killed')
    expect(causeOf(first, killed)).toBeUndefined()
    expect(causeOf(first, killed, { deaths: [{ pid: 97, atMs: 40_000, how: 0 }] })).toBeUndefined()
    const handlings = [handled('a', 39_995, null, { offset: 6 })]
    expect(causeOf(first, killed, { deaths, handlings })).toBeUndefined()
  })

  test('what was finished may come again within the interval of the commits and the time that one takes', () => {
    const cause = 'not committed yet when its process was killed'
    expect(causeOf(handled('a', 36_500, 36_501), killed, { deaths })).toBe(cause)
    expect(causeOf(handled('a', 35_900, 35_901), killed, { deaths })).toBeUndefined()
  })

  test('one commit since then may have been asked for before, two may not, whatever they are of', () => {
    const first = handled('a', 38_000, 38_001)
    const late = committed('a', 38_020, 3)
    expect(causeOf(first, killed, { deaths, commits: [late, { ...late, partition: 1 }] })).toBeDefined()
    expect(
      causeOf(first, killed, { deaths, commits: [late, committed('a', 39_000, 9, { partition: 1 })] }),
    ).toBeUndefined()
    expect(
      causeOf(first, killed, { deaths, commits: [late, committed('c', 39_000, 9, { partition: 1 })] }),
    ).toBeDefined()
  })

  test('a node that was away makes that longer, by its time and a session', () => {
    const outages = [{ fromMs: 20_000, toMs: 26_500 }]
    expect(causeOf(handled('a', 19_500, 19_501), killed, { deaths, outages })).toBeDefined()
    expect(causeOf(handled('a', 19_300, 19_301), killed, { deaths, outages })).toBeUndefined()
    const twice = [...outages, { fromMs: 30_000, toMs: 31_000 }]
    expect(causeOf(handled('a', 19_300, 19_301), killed, { deaths, outages: twice })).toBeDefined()
  })
})

describe('when a partition was taken away', () => {
  const revoked = holding('a', 0, 40_500, 'revoked', { gaveUpMs: 40_000 })

  test('what was in flight may come again, and what began or ended otherwise may not', () => {
    const cause = 'in flight when its partition was taken away'
    expect(causeOf(handled('a', 39_000, 40_200), revoked)).toBe(cause)
    expect(causeOf(handled('a', 39_000, null), revoked)).toBe(cause)
    expect(causeOf(handled('a', 40_100, 40_200), revoked)).toBeUndefined()
    expect(causeOf(handled('a', 39_000, 39_001), revoked)).toBeUndefined()
  })

  test('while a node was away, what was finished then may come again', () => {
    const outages = [{ fromMs: 30_000, toMs: 32_000 }]
    expect(causeOf(handled('a', 39_000, 39_001), revoked, { outages })).toBe(
      'its partition was given up while a node was away',
    )
    expect(causeOf(handled('a', 25_000, 25_001), revoked, { outages })).toBeUndefined()
  })

  test('a node that was away before that by more than a session excuses nothing', () => {
    expect(
      causeOf(handled('a', 39_000, 39_001), revoked, { outages: [{ fromMs: 28_000, toMs: 29_900 }] }),
    ).toBeUndefined()
  })

  test('another partition or member that was given up excuses nothing', () => {
    const outages = [{ fromMs: 39_000, toMs: 41_000 }]
    const first = handled('a', 39_500, 39_501)
    expect(causeOf(first, { ...revoked, partition: 1 }, { outages })).toBeUndefined()
    expect(causeOf(first, { ...revoked, member: 'c' }, { outages })).toBeUndefined()
    expect(causeOf(first, { ...revoked, toMs: 60_000, gaveUpMs: 60_000 }, { outages })).toBeUndefined()
  })

  test('a member whose commits got through meanwhile is not excused', () => {
    const outages = [{ fromMs: 38_000, toMs: 41_000 }]
    const commits = [39_000, 40_400].map((atMs) => committed('a', atMs, 9, { partition: 1 }))
    expect(causeOf(handled('a', 38_500, 38_501), revoked, { outages, commits })).toBeUndefined()
    expect(causeOf(handled('a', 38_500, 38_501), revoked, { outages, commits: commits.slice(0, 1) })).toBeDefined()
  })
})

test('a membership that was lost excuses what was uncommitted while a node was away, and nothing else', () => {
  const lost = holding('a', 0, 40_000, 'lost')
  const outages = [{ fromMs: 30_000, toMs: 32_000 }]
  const cause = 'its membership was lost while a node was away'
  expect(causeOf(handled('a', 30_500, 30_501), lost, { outages })).toBe(cause)
  expect(causeOf(handled('a', 39_000, null), lost, { outages })).toBe(cause)
  expect(causeOf(handled('a', 20_500, 20_501), lost, { outages })).toBeUndefined()
  expect(causeOf(handled('a', 39_000, 39_001), lost)).toBeUndefined()
})

test('what was in flight when its thread died may come again, by what the pool said then', () => {
  const crash = { member: 'a', atMs: 39_000, inFlight: new Set(['0/5']) }
  const held = holding('a', 0, Number.POSITIVE_INFINITY, 'held')
  expect(causeOf(handled('a', 38_000, null), held, { crashes: [crash] })).toBe('in flight when its thread died')
  expect(causeOf(handled('a', 38_000, null), held)).toBeUndefined()
  for (const other of [{ member: 'c' }, { atMs: 37_000 }, { inFlight: new Set(['0/6']) }]) {
    expect(causeOf(handled('a', 38_000, null), held, { crashes: [{ ...crash, ...other }] })).toBeUndefined()
  }
})

describe('when others had it', () => {
  const first = handled('j', 39_000, 39_000, { kind: 'java' })
  const gone = holding('j', 0, 40_000, 'revoked', { kind: 'java' })
  const less = { kind: 'librdkafka' }

  test('what they went without committing may come again, and not what they still hold', () => {
    expect(causeOf(first, gone)).toBe('handled by java, which went without committing it')
    expect(causeOf(first, { ...gone, toMs: Number.POSITIVE_INFINITY, how: 'held' })).toBeUndefined()
  })

  test('what was committed may not come again, whoever committed it', () => {
    expect(causeOf(first, gone, { commits: [committed('j', 39_500, 6)] })).toBeUndefined()
    expect(causeOf(first, gone, { commits: [committed('a', 39_500, 6)] })).toBeUndefined()
  })

  test('unless another client committed less after that: it is not excused by what we commit, or by less that came before', () => {
    const more = committed('j', 39_500, 6, { kind: 'java' })
    expect(causeOf(first, gone, { commits: [more, committed('l', 39_600, 5, less)] })).toBe(
      'committed by java, and librdkafka committed less after that',
    )
    expect(causeOf(first, gone, { commits: [more, committed('a', 39_600, 5)] })).toBeUndefined()
    expect(causeOf(first, gone, { commits: [committed('l', 39_400, 5, less), more] })).toBeUndefined()
  })

  test('a commit that came after the next owner was told its position is too late to count', () => {
    expect(causeOf(first, gone, { commits: [committed('j', 50_005, 6)] })).toBeDefined()
  })
})
