import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import { Clusters } from '#src/control/clusters.js'
import { Groups } from '#src/control/groups.js'
import { PoolError } from '#src/errors.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { ClusterView } from '#src/kafka/metadata.js'
import { kafkaConfig, slotConfig } from '../../support/config/slot-config.js'
import { FakeClient, silence } from '../../support/control/fake-client.js'
import { FakeWriter } from '../../support/control/fake-writer.js'

const world = (...slots: SlotConfig[]) => {
  const clients: FakeClient[] = []
  const groups = new Groups(slots)
  const clusters = new Clusters({
    slots,
    groups,
    createClient: () => {
      const client = new FakeClient()
      client.topics = async (names) =>
        names.map((topic) => ({ topic, error: null, partitions: [{ partition: 0, leader: 1 }] }))
      clients.push(client)
      return client
    },
    createWriter: () => new FakeWriter(),
    log: pino({ level: 'silent' }),
  })
  onTestFinished(() => clusters.close())
  return { clients, groups, clusters }
}

const hurried = kafkaConfig({ requestTimeout: 5_000 })

test('slots that reach a cluster in the same way share a client; another way has its own, in the same group', async () => {
  const slots = [slotConfig(), slotConfig({ slot: 1 }), slotConfig({ slot: 2, kafka: hurried })] as const
  const { clients, clusters, groups } = world(...slots)
  await clusters.connect()
  expect(clients).toHaveLength(2)
  expect(slots.map((slot) => clusters.of(slot).client)).toEqual([clients[0], clients[0], clients[1]])
  expect(new Set(slots.map((slot) => groups.of(slot).group)).size).toBe(1)
})

test('a slot that comes while the pool runs uses the way that others have, and a new way is reached and looked at first', async () => {
  const [first, second, own] = [slotConfig(), slotConfig({ slot: 1 }), slotConfig({ slot: 2, kafka: hurried })]
  const { clients, clusters, groups } = world(first)
  await clusters.connect()
  groups.admit([second, own])
  await clusters.admit([second])
  expect(clients).toHaveLength(1)
  await clusters.admit([own])
  expect(clusters.of(own).client).toBe(clients[1])
  const { known } = groups.of(own).group
  expect([0, 1].map((partition) => known.isNew({ topic: 'orders', partition }))).toEqual([false, true])
})

test('a slot that comes consumes what its subscription does by then, and a new way is looked at for that', async () => {
  const [first, own] = [slotConfig(), slotConfig({ slot: 1, kafka: hurried })]
  const { clusters, groups } = world(first)
  await clusters.connect()
  groups.of(first).consumed.add({ topics: ['later'], patterns: [] })
  groups.of(first).consumed.remove({ topics: ['orders'], patterns: [] })
  groups.admit([own])
  await clusters.admit([own])
  const isNew = (topic: string) => groups.of(own).group.known.isNew({ topic, partition: 1 })
  expect([isNew('later'), isNew('orders')]).toEqual([true, false]) // of the latter nothing is known there
})

test('a slot that is the first of its subscription in its group has what its regular expressions find there', async () => {
  const patterns = ['/^orders-/']
  const [first, other] = [
    slotConfig(),
    slotConfig({ slot: 1, subscription: 1, topics: [], patterns, consumer: { groupId: 'other' } }),
  ]
  const moved = slotConfig({ slot: 2, subscription: 1, topics: [], patterns })
  const { clients, clusters, groups } = world(first, other)
  await clusters.connect()
  const topicNames = async () => ['orders', 'orders-a']
  Object.assign(clients[0] ?? {}, { topicNames })
  groups.admit([moved])
  await clusters.admit([moved])
  expect(groups.of(moved).consumed.all).toEqual(['orders-a'])
  Object.assign(clients[0] ?? {}, { topicNames: () => Promise.reject(silence()) })
  await clusters.admit([moved]) // a look that comes to nothing is made up for by the next one
})

test('who commits over one client has the same patience, because one that has none ends the connection for all', () => {
  const slots = [slotConfig(), slotConfig({ slot: 1, consumer: { groupId: 'other' } })] as const
  const { clusters } = world(...slots)
  const [one, other] = slots.map((slot) => clusters.of(slot).coordinatorOf(slot.consumer.groupId))
  expect(one?.commits).toBe(other?.commits)
})

test('who assigns waits for metadata for 6 s, and for twice as long after a silence', async () => {
  const config = slotConfig()
  const { clients, clusters } = world(config)
  const cluster = clusters.of(config)
  const limits: unknown[] = []
  Object.assign(clients[0] ?? {}, {
    topics: async (_names: string[], limit?: { atMostMs: number }) => {
      if (limits.push(limit?.atMostMs) === 1) throw silence()
      return []
    },
  })
  await expect(cluster.topics(['orders'])).rejects.toMatchObject({ isSilence: true })
  await cluster.topics(['orders'])
  expect(limits).toEqual([6_000, 12_000])
})

test('a message that kills is suspect to all slots of its group, and to no other group', () => {
  const slots = [
    slotConfig(),
    slotConfig({ slot: 1 }),
    slotConfig({ slot: 2, consumer: { groupId: 'other' } }),
  ] as const
  const { groups } = world(...slots)
  const message = [{ topic: 'orders', partition: 0, offset: '7' }]
  const error = new PoolError('KCP_THREAD_EXITED', 'the test says so')
  groups.of(slots[0]).suspects.accuse({ inFlight: message, inCompany: false, error }, 3)
  expect(slots.map((slot) => groups.of(slot).suspects.has(message))).toEqual([true, true, false])
})

test('a static member is not let join by way of a broker that would not understand it', async () => {
  const config = slotConfig({ consumer: { groupInstanceId: 'me' } })
  const { clusters } = world(config)
  Object.assign(clusters.of(config).client, { supportsStaticMembership: false })
  await expect(clusters.check()).rejects.toMatchObject({ code: 'KCP_BROKER_TOO_OLD', slot: 0 })
})

test('a partition is new when it was not there at the check before the start', async () => {
  const config = slotConfig()
  const { clusters, groups } = world(config)
  await clusters.check()
  const { known } = groups.of(config).group
  expect([0, 1].map((partition) => known.isNew({ topic: 'orders', partition }))).toEqual([false, true])
})

test('it stays new to a group when a slot comes that reaches the cluster in a way of its own', async () => {
  const [first, own] = [slotConfig(), slotConfig({ slot: 1, kafka: hurried })]
  const { clients, clusters, groups } = world(first)
  await clusters.check()
  groups.admit([own])
  const admitted = clusters.admit([own])
  Object.assign(clients[1] ?? {}, { topics: async () => [{ topic: 'orders', error: null, partitions: [{}, {}] }] })
  await admitted
  expect(groups.of(own).group.known.isNew({ topic: 'orders', partition: 1 })).toBe(true)
})

test('a topic that is missing for one slot of a subscription is told, whichever slot that is', async () => {
  const slots = [slotConfig({ kafka: kafkaConfig({ brokers: ['elsewhere:9092'] }) }), slotConfig({ slot: 1 })] as const
  const { clients, clusters } = world(...slots)
  await clusters.connect()
  Object.assign(clients[0] ?? {}, {
    topics: async (names: string[]) =>
      names.map((topic) => ({ topic, error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] })),
  })
  await expect(clusters.check()).rejects.toMatchObject({ code: 'KCP_BROKER_REFUSED' })
})

test('slots hear of new leaders in the cluster that they reach in their way', async () => {
  const slots = [slotConfig(), slotConfig({ slot: 1, kafka: hurried })] as const
  const { clients, clusters } = world(...slots)
  const heard: (readonly [number, ClusterView])[] = []
  for (const slot of slots) clusters.of(slot).onLeaders((view) => heard.push([slot.slot, view]))
  for (const client of clients) {
    client.view = () => ({
      brokers: [],
      topics: [{ topic: 'orders', error: null, partitions: [{ partition: 0, leader: 2, leaderEpoch: 2 }] }],
    })
  }
  clusters.of(slots[1]).leadersLost([{ topic: 'orders', partition: 0, leader: 1, leaderEpoch: 1 }])
  await expect.poll(() => heard.map(([slot]) => slot)).toEqual([1])
})

test('a broker that is away when regular expressions look first is asked again, and then named as what stops the start', async () => {
  const { clients, clusters } = world(slotConfig({ topics: [], patterns: ['/^orders/'] }))
  await clusters.connect()
  const [client] = clients
  let asked = 0
  const away = new KafkaError('CONNECTION', -1, true, 'the connection to a:1 was closed')
  if (client !== undefined) {
    client.topicNames = async () => {
      asked += 1
      throw away
    }
  }
  const failed = await clusters.check().catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(PoolError)
  expect(failed).toMatchObject({ code: 'KCP_BROKER_UNREACHABLE', cause: away })
  expect(asked).toBeGreaterThan(2)
})
