import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assignors, type GroupAssignment, type MemberSubscription } from '#src/control/membership/assignors/index.js'
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from '#src/control/membership/assignors/subscription.js'
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

  const ask = (assignor: 'range' | 'roundrobin', { members, topics }: World) =>
    java.assign({
      assignor,
      topics,
      members: members.map((member) => ({
        id: member.memberId,
        instanceId: member.instanceId,
        subscription: encodeSubscription(member),
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
