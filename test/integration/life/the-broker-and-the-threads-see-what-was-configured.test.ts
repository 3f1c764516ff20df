import { expect, it } from 'vitest'
import { createTopic, describeGroupWithTool, type ToolMember } from '../../support/cluster/index.js'
import { assignmentsOf, startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const CLIENT_ID = /^(?<base>.+)-(?<slot>\d\d)-(?<time>\d+\.\d{6})-(?<random>[0-9a-f]{11})$/

const start = async (consumer: { groupInstanceId?: string }): Promise<[TestPool, ToolMember[]]> => {
  const topic = await createTopic({ partitions: 6 })
  const { handler } = newRecord()
  const pool = await startPool({
    subscriptions: [{ topics: [topic], handler, kafka: { 'client.id': 'from-subscription' } }],
    kafka: { clientId: 'shared' },
    consumer,
    workers: 3,
    perSlot: (slot) => (slot === 2 ? { kafka: { clientId: 'from-slot' } } : undefined),
  })
  return [pool, await describeGroupWithTool(pool.groupId)]
}

const byClientId = (members: readonly ToolMember[]) => new Map(members.map((member) => [member.clientId, member]))

it("kafka-consumer-groups shows each slot's client id, member id and assignment as the status has them", async () => {
  const [pool, members] = await start({})
  const { slots } = pool.status()
  const assignments = assignmentsOf(pool.status())
  const toolShowsTopics = members.some(({ assignment }) => assignment !== null)
  expect(byClientId(members)).toEqual(
    new Map(
      slots.map(({ seat }) => [
        seat.clientId,
        {
          clientId: seat.clientId,
          consumerId: seat.memberId,
          groupInstanceId: null,
          host: '/127.0.0.1',
          partitions: 2,
          assignment: toolShowsTopics ? assignments[seat.memberId] : null,
        },
      ]),
    ),
  )
  const parts = slots.map(({ seat }) => CLIENT_ID.exec(seat.clientId)?.groups)
  expect(parts.map((groups) => groups?.base)).toEqual(['from-subscription', 'from-subscription', 'from-slot'])
  expect(parts.map((groups) => groups?.slot)).toEqual(['00', '01', '02'])
  for (const groups of parts) expect(Math.abs(Number(groups?.time) - Date.now() / 1000)).toBeLessThan(300)
})

it('every connection has a client id of its own', async () => {
  const [pool] = await start({})
  const ids = pool.status().slots.flatMap(({ clientId, seat }) => [clientId, seat.clientId])
  for (const id of ids) expect(id).toMatch(CLIENT_ID)
  expect(new Set(ids).size).toBe(6)
})

it.each([
  ['pod-7', ['pod-7-0', 'pod-7-1', 'pod-7-2']],
  ['pod.{slot}.a', ['pod.0.a', 'pod.1.a', 'pod.2.a']],
])('kafka-consumer-groups shows a group.instance.id "%s" as one for each slot', async (groupInstanceId, expected) => {
  const [pool, members] = await start({ groupInstanceId })
  expect(members.map((member) => member.groupInstanceId).sort()).toEqual(expected)
  const shown = byClientId(members)
  for (const { seat } of pool.status().slots) {
    expect(shown.get(seat.clientId)).toMatchObject({ groupInstanceId: seat.instanceId, consumerId: seat.memberId })
  }
})

it('a pool with a single slot in the group uses its group.instance.id verbatim', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const consumer = { 'group.instance.id': 'pod-7' }
  const pool = await startPool({ topics: [topic], handler, workers: 1, consumer })
  const members = await describeGroupWithTool(pool.groupId)
  expect(members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['pod-7'])
  expect(pool.status().slots[0]?.seat.instanceId).toBe('pod-7')
})

it('the thread runs with what the most specific layer says, and reports it', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const pool = await startPool({
    consumer: { groupInstanceId: 'layers', sessionTimeout: 9_000, 'fetch.min.bytes': 3, maxBytes: 2_000_000 },
    maxProcessingMs: 50_000,
    retry: { attempts: 2 },
    subscriptions: [
      {
        topics: [topic],
        handler,
        workers: 2,
        consumer: { 'session.timeout.ms': 8_000, maxBytes: undefined, readUncommitted: true },
        retry: { initialDelayMs: 50 },
      },
    ],
    perSlot: (slot) => (slot === 1 ? { consumer: { 'session.timeout.ms': 7_000 }, concurrency: 4 } : undefined),
  })
  const { slots } = pool.status()
  const configs = slots.map(({ config }) => config)
  const both = {
    topics: [topic],
    handler,
    fromBeginning: true,
    maxProcessingMs: 50_000,
    'retry.attempts': 2,
    'retry.initialDelayMs': 50,
    'retry.maxDelayMs': 60_000,
    groupId: pool.groupId,
    minBytes: 3,
    maxBytes: 2_000_000,
    readUncommitted: true,
  }
  for (const config of configs) expect(config).toMatchObject(both)
  expect(configs).toMatchObject([
    { slot: 0, clientId: slots[0]?.clientId, concurrency: 1, sessionTimeout: 8_000, groupInstanceId: 'layers-0' },
    { slot: 1, clientId: slots[1]?.clientId, concurrency: 4, sessionTimeout: 7_000, groupInstanceId: 'layers-1' },
  ])
})
