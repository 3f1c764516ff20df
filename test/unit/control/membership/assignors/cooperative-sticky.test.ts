import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cooperativeSticky } from '#src/control/membership/assignors/cooperative-sticky.js'
import type { GroupAssignment, MemberSubscription, ReplicaRacks } from '#src/control/membership/assignors/index.js'
import type { TopicPartition } from '#src/kafka/metadata.js'
import { partitionName } from '#src/util/partition-name.js'
import { type AssignorRow, readable, member as subscriber } from '../../../../support/control/assignor-rows.js'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)

/** `t0 t1 u0` */
const partitions = (text: string): TopicPartition[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ topic: word.slice(0, 1), partition: Number(word.slice(1)) }))

const member = (
  memberId: string,
  topics: string,
  owned = '',
  generation = 1,
  more: Partial<MemberSubscription> = {},
): MemberSubscription => subscriber(memberId, topics, { owned: partitions(owned), generation, ...more })

const assign = (members: readonly MemberSubscription[], counts: Record<string, number>, racks?: ReplicaRacks) =>
  cooperativeSticky.assign(members, new Map(Object.entries(counts)), racks)

describe('cooperative-sticky', () => {
  test.each<AssignorRow>([
    ['deals out what nobody has', [member('A', 't u'), member('B', 't u')], { t: 3, u: 1 }, { A: 't0 t2', B: 't1 u0' }],
    [
      'leaves everybody what they have while that is even',
      [member('A', 't', 't1 t3'), member('B', 't', 't0 t2')],
      { t: 4 },
      { A: 't1 t3', B: 't0 t2' },
    ],
    [
      'takes away what a newcomer is to get, and gives it to nobody yet',
      [member('A', 't', 't0 t1 t2 t3'), member('B', 't')],
      { t: 4 },
      { A: 't0 t1', B: '' },
    ],
    [
      'gives the newcomer what was given up, in the next round',
      [member('A', 't', 't0 t1', 2), member('B', 't', '', 2)],
      { t: 4 },
      { A: 't0 t1', B: 't2 t3' },
    ],
    [
      'gives what a member has left behind to others at once',
      [member('A', 't', 't0 t1'), member('C', 't', 't4 t5')],
      { t: 6 },
      { A: 't0 t1 t2', C: 't3 t4 t5' },
    ],
    [
      'believes of two who claim a partition the one of the younger generation',
      [member('A', 't', 't0 t1', 4), member('B', 't', 't1', 5)],
      { t: 2 },
      { A: 't0', B: 't1' },
    ],
    [
      'leaves a member that is draining what it keeps, and gives the rest to the others at once',
      [member('A', 't', 't2', 1, { isDraining: true }), member('B', 't', 't4 t5'), member('C', 't')],
      { t: 6 },
      { A: 't2', B: 't3 t4 t5', C: 't0 t1' },
    ],
    [
      'gives a member that is draining nothing, also when nobody else is there, or it says that it has what is not there',
      [member('A', 't', 't1 t9 u0', 1, { isDraining: true })],
      { t: 3, u: 1 },
      { A: 't1' },
    ],
    [
      'takes from a member that is draining what somebody else got later',
      [member('A', 't', 't0 t1', 4, { isDraining: true }), member('B', 't', 't1', 5)],
      { t: 2 },
      { A: 't0', B: 't1' },
    ],
    [
      'takes a partition away from both who claim it in one generation',
      [member('A', 't', 't0 t1', 5), member('B', 't', 't1 t2', 5)],
      { t: 3 },
      { A: 't0', B: 't2' },
    ],
    [
      'gives nothing to a member with an old claim while another one has it',
      [member('A', 't', 't0 t1 t2 t3', 5), member('B', 't', 't2 t3', 3)],
      { t: 4 },
      { A: 't0 t1', B: '' },
    ],
    [
      'takes away what a member does not subscribe to any more',
      [member('A', 't', 't0 u0'), member('B', 'u', 'u1')],
      { t: 1, u: 2 },
      { A: 't0', B: 'u1' },
    ],
    [
      'forgets what does not exist (a topic that is gone, a partition that never was)',
      [member('A', 't gone', 't0 t7 x1'), member('B', 't')],
      { t: 2 },
      { A: 't0', B: 't1' },
    ],
    [
      'moves a partition on so that another one can take the place',
      // A has three and can give nothing to C, but B can, and takes one of A's in return.
      [member('A', 't', 't0 t1 t2'), member('B', 't u', 'u0 u1'), member('C', 'u')],
      { t: 3, u: 2 },
      { A: 't0 t1', B: 'u0', C: '' },
    ],
    [
      'has the place for those who have no other',
      [member('A', 't u'), member('B', 'u')],
      { t: 2, u: 2 },
      { A: 't0 t1', B: 'u0 u1' },
    ],
    [
      'puts static members first, so that one that comes back keeps its place',
      [member('A', 't'), member('Z', 't', '', 1, { instanceId: 'i' })],
      { t: 1 },
      { Z: 't0', A: '' },
    ],
    [
      'has an empty answer for a member without topics',
      [member('A', ''), member('B', 't')],
      { t: 1 },
      { A: '', B: 't0' },
    ],
    ['has an empty answer for no members', [], { t: 3 }, {}],
  ])('%s', (_, members, counts, result) => {
    expect(readable(assign(members, counts))).toEqual(result)
  })
})

// ── at random ───────────────────────────────────────────────────────────────────────────────────────────────────────

const TOPICS = ['a', 'b', 'c', 'd']
const RACKS = ['r1', 'r2', 'r3']
const subscriptions = fc.oneof(fc.constant(TOPICS), fc.subarray(TOPICS))
const newcomer = fc.record({
  memberId: fc.string({ minLength: 1, maxLength: 4 }),
  instanceId: fc.constant(null),
  topics: subscriptions,
  rackId: fc.option(fc.constantFrom(...RACKS)),
})
const counts = fc.record(Object.fromEntries(TOPICS.map((topic) => [topic, fc.nat(9)])))
type Counts = Record<string, number>
const racksOf = (all: Counts, salt: number): ReplicaRacks =>
  new Map(
    Object.entries(all).map(([topic, count], t) => [
      topic,
      Array.from({ length: count }, (_, p) => [RACKS[(p * 7 + t + salt) % RACKS.length] as string]),
    ]),
  )

const change = fc.oneof(
  fc.record({ kind: fc.constant('come' as const), member: newcomer }),
  fc.record({ kind: fc.constant('leave' as const), at: fc.nat(9) }),
  fc.record({ kind: fc.constant('subscribe' as const), at: fc.nat(9), topics: subscriptions }),
  fc.record({ kind: fc.constant('grow' as const), topic: fc.constantFrom(...TOPICS) }),
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

const applied = (members: MemberSubscription[], all: Counts, what: Change): [MemberSubscription[], Counts] => {
  const at = 'at' in what ? what.at % Math.max(1, members.length) : 0
  switch (what.kind) {
    case 'come':
      return [
        members.some(({ memberId }) => memberId === what.member.memberId) ? members : [...members, what.member],
        all,
      ]
    case 'leave':
      return [members.filter((_, index) => index !== at), all]
    case 'subscribe':
      return [members.map((each, index) => (index === at ? { ...each, topics: what.topics } : each)), all]
    case 'grow':
      return [members, { ...all, [what.topic]: (all[what.topic] ?? 0) + 2 }]
  }
}

const sizes = (assignment: GroupAssignment): number[] => [...assignment.values()].map(({ length }) => length)

/** No partition can go to a member with two less, by whatever way: what evenness means. */
const expectEven = (members: readonly MemberSubscription[], assignment: GroupAssignment) => {
  const size = (id: string) => assignment.get(id)?.length ?? 0
  const uneven: string[] = []
  for (const { memberId } of members) {
    const reached = new Set([memberId])
    for (const giver of reached) {
      const topics = new Set((assignment.get(giver) ?? []).map(({ topic }) => topic))
      for (const taker of members) if (taker.topics.some((topic) => topics.has(topic))) reached.add(taker.memberId)
    }
    for (const other of reached) if (size(other) + 1 < size(memberId)) uneven.push(`${memberId} → ${other}`)
  }
  expect(uneven).toEqual([])
}

/** One generation: everybody gives up what they lose, and claims what they have got. */
const next = (members: readonly MemberSubscription[], all: Counts, generation: number, racks: ReplicaRacks) => {
  const assignment = assign(members, all, racks)
  const owners = new Map(
    members.flatMap((each) => (each.owned ?? []).map((own) => [partitionName(own), each.memberId])),
  )
  const stolen = [...assignment].flatMap(([id, got]) =>
    got.filter((own) => ![undefined, id].includes(owners.get(partitionName(own)))),
  )
  expect(stolen).toEqual([])
  const given = [...assignment.values()].flat().map(partitionName)
  expect(new Set(given).size).toBe(given.length)
  const after = members.map((each) => ({ ...each, owned: assignment.get(each.memberId) ?? [], generation }))
  const revoked = members.some((each) => {
    const got = new Set((assignment.get(each.memberId) ?? []).map(partitionName))
    return (each.owned ?? []).some((own) => !got.has(partitionName(own)))
  })
  return { assignment, after, revoked }
}

describe('for every group, cooperative-sticky', () => {
  test('settles in two rounds at most whatever changes, gives no partition to two, and is as even as can be', () => {
    let twoRounds = 0
    fc.assert(
      fc.property(
        fc.array(newcomer, { maxLength: 5 }),
        counts,
        fc.array(change, { maxLength: 8 }),
        fc.nat(2),
        (first, begin, changes, salt) => {
          let members: MemberSubscription[] = []
          for (const each of first) [members] = applied(members, begin, { kind: 'come', member: each })
          let all: Counts = begin
          let generation = 0
          for (const what of [null, ...changes]) {
            if (what !== null) [members, all] = applied(members, all, what)
            const racks = racksOf(all, salt)
            let round = next(members, all, ++generation, racks)
            if (round.revoked) {
              twoRounds++
              round = next(round.after, all, ++generation, racks)
              expect(round.revoked).toBe(false)
            }
            members = round.after
            expectEven(members, round.assignment)
            const served = TOPICS.filter((topic) => members.some((each) => each.topics.includes(topic)))
            const wanted = served.reduce((sum, topic) => sum + (all[topic] ?? 0), 0)
            expect(sizes(round.assignment).reduce((a, b) => a + b, 0)).toBe(wanted)
            // Asked again, it says the same.
            expect(next(members, all, generation + 1, racks).assignment).toEqual(round.assignment)
          }
        },
      ),
      { seed: SEED, numRuns: 200 },
    )
    expect(twoRounds).toBeGreaterThan(20)
  })

  test('takes no more away from members with equal topics than evenness asks for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.nat(40),
        fc.array(fc.nat(7), { minLength: 40, maxLength: 40 }),
        (count, total, owners) => {
          const ids = Array.from({ length: count }, (_, n) => `m${n}`)
          const members = ids.map((memberId, n) => {
            const own = owners.flatMap((owner, partition) =>
              owner === n && partition < total ? [{ topic: 't', partition }] : [],
            )
            return { memberId, instanceId: null, topics: ['t'], owned: own, generation: 1 }
          })
          const assignment = assign(members, { t: total })
          const [least, rest] = [Math.floor(total / count), total % count]
          const above = members.map(({ owned }) => owned.length - least).filter((over) => over > 0)
          const needed = above.reduce((a, b) => a + b, 0) - Math.min(rest, above.length)
          const names = (list: readonly TopicPartition[] = []) => new Set(list.map(partitionName))
          const taken = members.flatMap(({ memberId, owned }) =>
            owned.filter((own) => !names(assignment.get(memberId)).has(partitionName(own))),
          )
          expect(taken.length).toBe(needed)
        },
      ),
      { seed: SEED },
    )
  })

  test('gives shares that no distribution at all could make more equal', () => {
    const squares = (loads: readonly number[]) => loads.reduce((sum, load) => sum + load * load, 0)
    const best = (eligible: readonly (readonly number[])[], loads: number[], at = 0): number => {
      const choices = eligible[at]
      if (choices === undefined) return squares(loads)
      return Math.min(
        ...choices.map((m) => {
          loads[m] = (loads[m] ?? 0) + 1
          const found = best(eligible, loads, at + 1)
          loads[m] = (loads[m] ?? 0) - 1
          return found
        }),
      )
    }
    const small = fc.record(Object.fromEntries(TOPICS.map((topic) => [topic, fc.nat(2)])))
    const few = fc.uniqueArray(newcomer, { minLength: 1, maxLength: 4, selector: ({ memberId }) => memberId })
    fc.assert(
      fc.property(few, small, (members, all) => {
        const eligible = TOPICS.flatMap((topic) => {
          const who = members.flatMap(({ topics }, m) => (topics.includes(topic) ? [m] : []))
          return who.length === 0 ? [] : Array.from({ length: all[topic] ?? 0 }, () => who)
        })
        const loads = members.map(() => 0)
        expect(squares(sizes(assign(members, all)))).toBe(best(eligible, loads))
      }),
      { seed: SEED, numRuns: 200 },
    )
  })

  test('survives whatever members claim', () => {
    const claim = fc.record({ topic: fc.constantFrom(...TOPICS, 'x'), partition: fc.nat(12) })
    const liar = fc.record({
      ...{ memberId: fc.string({ minLength: 1, maxLength: 3 }), instanceId: fc.constant(null), topics: subscriptions },
      ...{ owned: fc.array(claim, { maxLength: 9 }), generation: fc.integer({ min: -1, max: 2 }) },
    })
    const group = fc.uniqueArray(liar, { maxLength: 6, selector: ({ memberId }) => memberId })
    fc.assert(
      fc.property(group, counts, (members, all) => {
        const assignment = assign(members, all)
        const claimed = new Map<string, number[]>()
        for (const { owned, generation } of members) {
          for (const own of new Map(owned.map((each) => [partitionName(each), each])).keys())
            claimed.set(own, [...(claimed.get(own) ?? []), generation])
        }
        for (const { memberId, topics, owned, generation } of members) {
          const own = new Set(owned.map(partitionName))
          for (const got of assignment.get(memberId) ?? []) {
            expect(topics).toContain(got.topic)
            expect(got.partition).toBeLessThan(all[got.topic] ?? 0)
            const name = partitionName(got)
            const claims = claimed.get(name) ?? []
            // Nobody's, or its own, and nobody says so of a generation as young.
            if (claims.length > 0) expect(own.has(name)).toBe(true)
            expect(claims.filter((each) => each >= generation).length).toBeLessThanOrEqual(own.has(name) ? 1 : 0)
          }
        }
      }),
      { seed: SEED, numRuns: 300 },
    )
  })
})

describe('racks', () => {
  const near = (members: readonly MemberSubscription[], assignment: GroupAssignment, racks: ReplicaRacks) =>
    members.flatMap(({ memberId, rackId }) =>
      (assignment.get(memberId) ?? []).filter(({ topic, partition }) =>
        racks.get(topic)?.[partition]?.includes(rackId ?? ''),
      ),
    ).length

  test('decide who gets what nobody has', () => {
    const racks = new Map([['t', [['r2'], ['r1'], ['r2'], ['r1'], ['r1'], ['r2']]]])
    const members = [member('A', 't', '', 1, { rackId: 'r1' }), member('B', 't', '', 1, { rackId: 'r2' })]
    expect(readable(assign(members, { t: 6 }, racks))).toEqual({ A: 't1 t3 t4', B: 't0 t2 t5' })
  })

  test('decide which partition moves when one has to', () => {
    const racks = new Map([['t', [['r2'], ['r1'], ['r2'], ['r1']]]])
    const members = [member('A', 't', 't0 t1 t2 t3', 1, { rackId: 'r1' }), member('B', 't', '', 1, { rackId: 'r2' })]
    expect(readable(assign(members, { t: 4 }, racks))).toEqual({ A: 't1 t3', B: '' })
  })

  test('move nothing that may stay, and make no share larger than another', () => {
    const racks = new Map([['t', [['r1'], ['r1'], ['r1'], ['r1']]]])
    const [A, B] = [{ rackId: 'r2' }, { rackId: 'r1' }]
    const members = [member('A', 't', 't0 t1', 1, A), member('B', 't', 't2 t3', 1, B)]
    expect(readable(assign(members, { t: 4 }, racks))).toEqual({ A: 't0 t1', B: 't2 t3' })
    const fresh = [member('A', 't', '', 1, A), member('B', 't', '', 1, B)]
    expect(sizes(assign(fresh, { t: 4 }, racks))).toEqual([2, 2])
  })

  test('are met as far as exchanging two partitions, or giving one away, can meet them', () => {
    const group = fc.uniqueArray(newcomer, { minLength: 1, maxLength: 6, selector: ({ memberId }) => memberId })
    fc.assert(
      fc.property(group, counts, fc.nat(2), (members, all, salt) => {
        const racks = racksOf(all, salt)
        const assignment = assign(members, all, racks)
        const before = near(members, assignment, racks)
        expect(sizes(assignment).sort()).toEqual(sizes(assign(members, all)).sort())
        const of = (id: string) => assignment.get(id) ?? []
        const may = (each: MemberSubscription, { topic }: TopicPartition) => each.topics.includes(topic)
        for (const a of members)
          for (const b of members) {
            if (a === b) continue
            for (const [i, give] of of(a.memberId).entries())
              for (const [j, take] of [...of(b.memberId).entries(), [-1, null] as const]) {
                if (!may(b, give) || (take !== null && !may(a, take))) continue
                if (take === null && of(a.memberId).length !== of(b.memberId).length + 1) continue
                const other = new Map(assignment)
                other.set(a.memberId, [...of(a.memberId).filter((_, n) => n !== i), ...(take === null ? [] : [take])])
                other.set(b.memberId, [...of(b.memberId).filter((_, n) => n !== j), give])
                expect(near(members, other, racks)).toBeLessThanOrEqual(before)
              }
          }
      }),
      { seed: SEED, numRuns: 100 },
    )
  })
})

test('200 members and 3,000 partitions take no more than 200 ms of the processor, whatever comes or goes', () => {
  const topics = Array.from({ length: 30 }, (_, n) => `topic-${n}`)
  const all = new Map(topics.map((topic) => [topic, 100]))
  const racks = new Map(topics.map((topic) => [topic, Array.from({ length: 100 }, (_, p) => [`r${p % 3}`])]))
  const members: MemberSubscription[] = Array.from({ length: 200 }, (_, n) => ({
    ...{ memberId: `m${n}`, instanceId: null, rackId: `r${n % 3}` },
    topics: n % 2 === 0 ? topics : topics.filter((_, t) => (t * 7 + n) % 3 > 0),
  }))
  const assignment = cooperativeSticky.assign(members, all, racks)
  const owners = members.map((each) => ({ ...each, owned: assignment.get(each.memberId) ?? [], generation: 1 }))
  const half = cooperativeSticky.assign(members.slice(100), all, racks)
  const groups = {
    fresh: members,
    'one gone': owners.slice(1),
    'half of them new': members.map((each, n) => (n < 100 ? each : { ...each, owned: half.get(each.memberId) ?? [] })),
  }
  for (const [what, group] of Object.entries(groups)) {
    const took = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage()
      cooperativeSticky.assign(group, all, racks)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1_000
    })
    expect(Math.min(...took), what).toBeLessThan(200)
  }
})
