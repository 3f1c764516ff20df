import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignorNames } from '#src/config/assignor-names.js'
import { assignorNamed, assignors, type MemberSubscription } from '#src/control/membership/assignors/index.js'
import { type AssignorRow, member, readable } from '../../../../support/control/assignor-rows.js'

const assign = (name: keyof typeof assignors, members: MemberSubscription[], counts: Record<string, number>) =>
  readable(assignors[name].assign(members, new Map(Object.entries(counts))))

describe('range', () => {
  test.each<AssignorRow>([
    ['gives the first members the rest', [member('B', 't'), member('A', 't')], { t: 5 }, { A: 't0 t1 t2', B: 't3 t4' }],
    [
      'distributes topics of equal size alike',
      [member('A', 't u'), member('B', 'u t')],
      { t: 3, u: 3 },
      { A: 't0 t1 u0 u1', B: 't2 u2' },
    ],
    [
      'leaves members without a partition when there are too few',
      [member('A', 't'), member('B', 't'), member('C', 't')],
      { t: 2 },
      { A: 't0', B: 't1', C: '' },
    ],
    [
      'gives a topic to its subscribers only',
      [member('A', 't'), member('B', 't u'), member('C', 'u')],
      { t: 2, u: 3 },
      { A: 't0', B: 't1 u0 u1', C: 'u2' },
    ],
    [
      'passes over topics that do not exist or have no partitions',
      [member('A', 't gone empty'), member('B', 't')],
      { t: 2, empty: 0 },
      { A: 't0', B: 't1' },
    ],
    [
      'puts static members first, by instance id, and dynamic ones after them, by member id',
      [member('A', 't'), member('Z', 't', { instanceId: 'i-1' }), member('Y', 't', { instanceId: 'i-2' })],
      { t: 3 },
      { Z: 't0', Y: 't1', A: 't2' },
    ],
    [
      'has an empty answer for a member without topics',
      [member('A', ''), member('B', 't')],
      { t: 1 },
      { A: '', B: 't0' },
    ],
    ['has an empty answer for no members', [], { t: 3 }, {}],
  ])('%s', (_, members, counts, result) => {
    expect(assign('range', members, counts)).toEqual(result)
  })
})

describe('roundrobin', () => {
  test.each<AssignorRow>([
    [
      'deals on over the border of topics',
      [member('B', 't u'), member('A', 't u')],
      { t: 3, u: 3 },
      { A: 't0 t2 u1', B: 't1 u0 u2' },
    ],
    [
      'passes over members that do not subscribe',
      [member('A', 't'), member('B', 't u'), member('C', 't u')],
      { t: 2, u: 3 },
      { A: 't0', B: 't1 u1', C: 'u0 u2' },
    ],
    [
      'passes over topics that do not exist or have no partitions',
      [member('A', 'gone t'), member('B', 'empty t')],
      { t: 2, empty: 0 },
      { A: 't0', B: 't1' },
    ],
    [
      'puts static members first, by instance id, and dynamic ones after them, by member id',
      [member('A', 't'), member('Z', 't', { instanceId: 'i-1' }), member('Y', 't', { instanceId: 'i-2' })],
      { t: 4 },
      { Z: 't0 t3', Y: 't1', A: 't2' },
    ],
    [
      'orders by UTF-16 code units, not by a locale',
      [member('a', 't'), member('B', 't'), member('é', 't')],
      { t: 3 },
      { B: 't0', a: 't1', é: 't2' },
    ],
    [
      'has an empty answer for a member without topics',
      [member('A', ''), member('B', 't')],
      { t: 2 },
      { A: '', B: 't0 t1' },
    ],
    ['has an empty answer for no members', [], { t: 3 }, {}],
  ])('%s', (_, members, counts, result) => {
    expect(assign('roundrobin', members, counts)).toEqual(result)
  })
})

describe('RoundRobinAssigner', () => {
  test.each<AssignorRow>([
    [
      'orders by member id, also static members',
      [member('Z', 't', { instanceId: 'i-1' }), member('A', 't', { instanceId: 'i-2' })],
      { t: 3 },
      { A: 't0 t2', Z: 't1' },
    ],
    [
      'gives a topic to its subscribers only, unlike KafkaJS',
      [member('A', 't'), member('B', 'u')],
      { t: 2, u: 2 },
      { A: 't0 t1', B: 'u0 u1' },
    ],
  ])('%s', (_, members, counts, result) => {
    expect(assign('RoundRobinAssigner', members, counts)).toEqual(result)
  })
})

test('assignorNamed finds what the coordinator may choose, and nothing else', () => {
  for (const [name, assignor] of Object.entries(assignors)) expect(assignorNamed(name)).toBe(assignor)
  expect(Object.keys(assignors)).toEqual(assignorNames)
  expect(assignorNamed('sticky')).toBeUndefined()
  expect(assignorNamed('constructor')).toBeUndefined()
})

const topicNames = ['a', 'b', 'c', 'd', 'missing']
const groups = fc.record({
  members: fc.uniqueArray(
    fc.record({
      memberId: fc.string({ minLength: 1, maxLength: 4 }),
      instanceId: fc.option(fc.string({ minLength: 1, maxLength: 3 })),
      topics: fc.subarray(topicNames),
    }),
    { maxLength: 8, selector: ({ memberId }) => memberId },
  ),
  counts: fc.dictionary(fc.constantFrom(...topicNames.slice(0, 4)), fc.nat(12), { noNullPrototype: true }),
})

describe.each(Object.entries(assignors))('for every group, %s', (name, assignor) => {
  test('gives each partition of a subscribed topic to exactly one member, who subscribes to it', () => {
    fc.assert(
      fc.property(groups, ({ members, counts }) => {
        const assignment = assignor.assign(members, new Map(Object.entries(counts)))
        expect([...assignment.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort())
        for (const { memberId, topics } of members) {
          for (const { topic } of assignment.get(memberId) ?? []) expect(topics).toContain(topic)
        }
        const given = [...assignment.values()].flat().map(({ topic, partition }) => `${topic}${partition}`)
        const subscribed = new Set(members.flatMap(({ topics }) => topics))
        const all = Object.entries(counts)
          .filter(([topic]) => subscribed.has(topic))
          .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => `${topic}${partition}`))
        expect(given.sort()).toEqual(all.sort())
      }),
    )
  })

  test('does not depend on the order in which members or their topics are listed', () => {
    fc.assert(
      fc.property(groups, ({ members, counts }) => {
        const distinct = members.filter(
          ({ instanceId }, i) => instanceId === null || members.findIndex((m) => m.instanceId === instanceId) === i,
        )
        const turned = distinct.map((m) => ({ ...m, topics: [...m.topics].reverse() })).reverse()
        const partitionCounts = new Map(Object.entries(counts))
        expect(assignor.assign(turned, partitionCounts)).toEqual(assignor.assign(distinct, partitionCounts))
      }),
    )
  })

  test('gives members with equal topics shares that differ by one at most', () => {
    fc.assert(
      fc.property(groups, ({ members, counts }) => {
        const equal = members.map((m) => ({ ...m, topics: topicNames }))
        const assignment = assignor.assign(equal, new Map(Object.entries(counts)))
        // Range is even within each topic only.
        for (const topic of name === 'range' ? topicNames : [undefined]) {
          const shares = [...assignment.values()].map(
            (owned) => owned.filter((partition) => topic === undefined || partition.topic === topic).length,
          )
          expect(Math.max(0, ...shares) - Math.min(...shares, Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
