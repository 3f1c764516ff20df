import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cooperativeSticky } from '#src/control/membership/assignors/cooperative-sticky.js'
import { assignors, type GroupAssignment, type MemberSubscription } from '#src/control/membership/assignors/index.js'
import { stickyUserData } from '#src/control/membership/assignors/sticky-user-data.js'
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from '#src/control/membership/assignors/subscription.js'
import { partitionName } from '#src/util/partition-name.js'
import { JavaOracle, whyNoOracle } from '../../support/oracle/java-oracle.js'

const WORLDS = 200
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)

interface World {
  readonly members: readonly (MemberSubscription & { readonly rackId: string | null })[]
  /** Racks of the replicas of each partition. */
  readonly topics: Readonly<Record<string, readonly (readonly string[])[]>>
}

const TOPICS = ['orders', 'Zebra', 'a_b-c', 'täglich', 'a.b']
const RACKS = ['r1', 'r2', 'r3']
const memberId = fc
  .tuple(fc.constantFrom('pool-', 'consumer-', 'Zed-', '_', 'é-', '😀'), fc.nat(9999))
  .map(([prefix, n]) => `${prefix}${n}`)

/** @param racksOf racks of one partition's replicas */
const worlds = (racksOf: fc.Arbitrary<string[]>, rackId: fc.Arbitrary<string | null>): fc.Arbitrary<World> =>
  fc
    .uniqueArray(
      fc.record({
        memberId,
        instanceId: fc.option(fc.nat(99).map((n) => `i-${n}`)),
        topics: fc.oneof(fc.constant(TOPICS), fc.subarray([...TOPICS, 'missing'])),
        rackId,
      }),
      {
        minLength: 1,
        maxLength: 9,
        comparator: (a, b) => a.memberId === b.memberId || (a.instanceId !== null && a.instanceId === b.instanceId),
      },
    )
    .chain((members) =>
      fc
        .record(Object.fromEntries(TOPICS.map((topic) => [topic, fc.array(racksOf, { maxLength: 13 })])))
        .map((topics) => ({ members, topics })),
    )

const noRacks = worlds(fc.constant([]), fc.constant(null))
const racksThatDoNotMatter = fc.oneof(
  // Every rack has every partition; or members name racks where no replica is; or brokers name racks and members none.
  worlds(fc.constant(RACKS), fc.constantFrom(...RACKS)),
  worlds(fc.subarray(RACKS, { minLength: 1 }), fc.constant('elsewhere')),
  worlds(fc.subarray(RACKS, { minLength: 1 }), fc.constant(null)),
)
const racksThatMatter = worlds(fc.subarray(RACKS, { minLength: 1, maxLength: 2 }), fc.constantFrom(...RACKS))

const ours = (name: 'range' | 'roundrobin', { members, topics }: World): GroupAssignment =>
  assignors[name].assign(
    members,
    new Map(Object.entries(topics).map(([topic, partitions]) => [topic, partitions.length])),
  )

const whyNot = whyNoOracle()

describe.skipIf(whyNot !== undefined)(`the Java client${whyNot === undefined ? '' : ` (skipped: ${whyNot})`}`, () => {
  let java: JavaOracle
  beforeAll(() => {
    console.log(`random worlds from SEED=${seed}`)
    java = JavaOracle.start()
  })
  afterAll(() => java.stop())

  const ask = (assignor: 'cooperative-sticky' | 'range' | 'roundrobin', { members, topics }: World) =>
    java.assign({
      assignor,
      topics,
      members: members.map((member) => ({
        id: member.memberId,
        instanceId: member.instanceId,
        subscription: encodeSubscription({
          ...member,
          userData: stickyUserData({ generation: member.generation ?? -1, isDraining: false }, 0),
        }),
      })),
    })

  describe.each(['range', 'roundrobin'] as const)('assigns as our %s', (name) => {
    test.each([
      ['without racks', noRacks],
      ['with racks that make no difference', racksThatDoNotMatter],
    ])('does, %s', async (_, world) => {
      await fc.assert(
        fc.asyncProperty(world, async (w) => {
          const { assignments } = await ask(name, w)
          const theirs = new Map([...assignments].map(([id, bytes]) => [id, decodeAssignment(bytes)]))
          expect(ours(name, w)).toEqual(theirs)
        }),
        { seed, numRuns: WORLDS },
      )
    })
  })

  test('gives members as many partitions of each topic as our range also where racks matter', async () => {
    let different = 0
    await fc.assert(
      fc.asyncProperty(racksThatMatter, async (world) => {
        const { assignments } = await ask('range', world)
        const theirs: GroupAssignment = new Map([...assignments].map(([id, bytes]) => [id, decodeAssignment(bytes)]))
        const assignment = ours('range', world)
        for (const topic of TOPICS) {
          const shares = (group: GroupAssignment) =>
            [...group.values()].map((owned) => owned.filter((p) => p.topic === topic).length).sort()
          expect(shares(assignment)).toEqual(shares(theirs))
        }
        for (const [id, owned] of assignment) {
          if (encodeAssignment(owned).compare(assignments.get(id) as Buffer) !== 0) different++
        }
      }),
      { seed, numRuns: WORLDS },
    )
    // Otherwise the racks did not matter, and nothing was shown.
    expect(different).toBeGreaterThan(0)
  })

  /** What a group of these members comes to, one leader after the other. @returns how many rounds that took */
  const settle = async (world: World, generation: number, leads: (round: number) => 'Java' | 'we') => {
    let members = world.members
    for (let round = 1; ; round++) {
      const assignment = await coop(leads(round), { ...world, members })
      const owners = new Map(
        members.flatMap(({ memberId, owned = [] }) => owned.map((own) => [partitionName(own), memberId])),
      )
      const given = [...assignment].flatMap(([id, got]) => got.map((own) => ({ id, name: partitionName(own) })))
      expect(given.filter(({ id, name }) => (owners.get(name) ?? id) !== id)).toEqual([])
      expect(new Set(given.map(({ name }) => name)).size).toBe(given.length)
      const kept = new Set(given.map(({ name }) => name))
      members = members.map((member) => ({
        ...member,
        owned: assignment.get(member.memberId) ?? [],
        generation: generation + round,
      }))
      if ([...owners.keys()].every((name) => kept.has(name))) return { members, rounds: round }
      expect(round).toBeLessThan(6)
    }
  }

  const coop = async (leader: 'Java' | 'we', world: World): Promise<GroupAssignment> => {
    if (leader === 'Java') {
      const { assignments } = await ask('cooperative-sticky', world)
      return new Map([...assignments].map(([id, bytes]) => [id, decodeAssignment(bytes)]))
    }
    const counts = new Map(Object.entries(world.topics).map(([topic, partitions]) => [topic, partitions.length]))
    return cooperativeSticky.assign(world.members, counts, new Map(Object.entries(world.topics)))
  }

  /** A member without topics makes Java's leader forget whose topics are whose. */
  const subscribing = (world: World): boolean => world.members.every(({ topics }) => topics.length > 0)

  const grown = (before: World, after: World, topic: string) => {
    const [old = [], young = []] = [before.topics[topic], after.topics[topic]]
    return [...old, ...young.slice(old.length)]
  }

  const squares = (members: World['members']): number =>
    members.reduce((sum, { owned = [] }) => sum + owned.length * owned.length, 0)

  // (Where racks and topics both differ, a group that Java leads does not always settle.)
  test.each<[string, (round: number) => 'Java' | 'we', number, fc.Arbitrary<World>]>([
    ['we lead, without racks', () => 'we', 2, noRacks],
    ['we lead, with racks', () => 'we', 2, racksThatMatter],
    ['we lead after Java, without racks', (round) => (round === 1 ? 'Java' : 'we'), 3, noRacks],
    ['we lead after Java, with racks', (round) => (round === 1 ? 'Java' : 'we'), 3, racksThatMatter],
    ['Java leads, without racks', () => 'Java', 5, noRacks],
    ['Java leads after us, without racks', (round) => (round === 1 ? 'we' : 'Java'), 5, noRacks],
  ])('a cooperative-sticky group settles and no partition gets two owners where %s', async (_, leads, most, world) => {
    const changed = fc.tuple(world.filter(subscribing), world.filter(subscribing), fc.nat(8))
    let rounds = 0
    await fc.assert(
      fc.asyncProperty(changed, async ([before, after, staying]) => {
        const first = await settle(before, 0, leads)
        // Some members stay, with what they have, and the others are new; topics have grown. (At one that shrinks, as one
        // does that is deleted and made again, Java throws.)
        const topics = Object.fromEntries(TOPICS.map((topic) => [topic, grown(before, after, topic)]))
        const old = first.members.slice(0, staying)
        const isNew = ({ memberId, instanceId }: MemberSubscription) =>
          !old.some((o) => o.memberId === memberId || (instanceId !== null && o.instanceId === instanceId))
        const members = [...old, ...after.members.filter(isNew)]
        const second = await settle({ topics, members }, 10, leads)
        rounds = Math.max(rounds, first.rounds, second.rounds)
        const fresh = members.map((member) => ({ ...member, owned: [], generation: -1 }))
        const ours = squares((await settle({ topics, members: fresh }, 20, () => 'we')).members)
        if (leads(second.rounds) === 'we') expect(squares(second.members)).toBe(ours)
        // Java's are not always as even when topics differ.
        else expect(squares(second.members)).toBeGreaterThanOrEqual(ours)
      }),
      { seed, numRuns: WORLDS / 2 },
    )
    expect(rounds).toBeGreaterThan(1)
    expect(rounds).toBeLessThanOrEqual(most)
  })

  test('reads our assignments and writes the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(noRacks, async (world) => {
        const written = new Map([...ours('roundrobin', world)].map(([id, owned]) => [id, encodeAssignment(owned)]))
        expect(await java.rewrite(written)).toEqual(written)
      }),
      { seed, numRuns: WORLDS },
    )
  })

  test('reads our subscriptions and writes the same bytes', async () => {
    const partition = fc.record({ topic: fc.constantFrom(...TOPICS), partition: fc.nat(50) })
    const subscription = fc.record({
      topics: fc.subarray(TOPICS),
      userData: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
      owned: fc.uniqueArray(partition, { selector: (p) => `${p.topic}/${p.partition}` }),
      generation: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
      rackId: fc.option(fc.constantFrom(...RACKS)),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(subscription, { minLength: 1, maxLength: 10 }), async (list) => {
        const members = list.map((s, i) => ({ id: `m${i}`, instanceId: null, subscription: encodeSubscription(s) }))
        const { subscriptions } = await java.assign({ assignor: 'range', topics: {}, members })
        for (const { id, subscription } of members) {
          expect(subscriptions.get(id)?.toString('hex')).toBe(subscription.toString('hex'))
        }
      }),
      { seed, numRuns: WORLDS },
    )
  })
})
