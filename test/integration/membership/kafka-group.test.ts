import { AssignerProtocol } from 'kafkajs'
import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { Client } from '#src/kafka/client.js'
import type { JoinRequest, Membership } from '#src/kafka/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import { brokers, createTopic, uniqueName } from '../../support/cluster/index.js'
import { rawClient } from '../../support/cluster/raw-client.js'

// A broker reads it (to know who consumes a topic) and never answers a JoinGroup in which it cannot.
const HOLD_MS = 10_000

const metadata = AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ['any'], userData: Buffer.alloc(0) })

const connect = (clientId = 'kafka-group'): Promise<Client> => rawClient(brokers(), { clientId })

/** The coordinator of a group once it answers for it: a new broker makes the offsets topic first, and loads it. */
const coordinator = (client: Client, groupId: string): Promise<number> => {
  const look = async () => {
    const node = await client.findCoordinator(groupId)
    await client.committedOffsets(node, groupId, [{ topic: 'any', partition: 0 }])
    return { node }
  }
  const ready = () =>
    look().catch((error: KafkaError) => {
      if (error.retriable) return undefined
      throw error
    })
  return until(ready, { what: `the coordinator of ${groupId}` }).then(({ node }) => node)
}

const joinRequest = (groupId: string, more: Partial<JoinRequest> = {}): JoinRequest => ({
  groupId,
  memberId: '',
  instanceId: null,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  protocols: [{ name: 'range', metadata }],
  ...more,
})

const errorOf = (promise: Promise<unknown>): Promise<KafkaError> =>
  promise.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: KafkaError) => error,
  )

/** Joins as the group's only member and takes the given assignment. */
const joinAlone = async (
  client: Client,
  node: number,
  groupId: string,
  { assignment = 'mine', ...more }: Partial<JoinRequest> & { assignment?: string } = {},
): Promise<{ member: Membership; taken: string }> => {
  const request = joinRequest(groupId, more)
  const joined = await client.joinGroup(node, request).catch((error: KafkaError) => {
    if (error.memberId === undefined) throw error
    return client.joinGroup(node, { ...request, memberId: error.memberId })
  })
  const { generation, memberId, leaderId } = joined
  const member = { groupId, generation, memberId, instanceId: request.instanceId }
  const assignments = memberId === leaderId ? [{ memberId, assignment: Buffer.from(assignment) }] : []
  return { member, taken: String(await client.syncGroup(node, member, assignments, HOLD_MS)) }
}

it('a dynamic member is told its id, joins with it, syncs, beats and leaves', async () => {
  const client = await connect()
  const groupId = uniqueName('group')
  const node = await coordinator(client, groupId)
  const required = await errorOf(client.joinGroup(node, joinRequest(groupId)))
  expect(required).toBeInstanceOf(KafkaError)
  expect(required).toMatchObject({ type: 'MEMBER_ID_REQUIRED', code: 79, retriable: false })
  expect(required.memberId).toMatch(/^kafka-group-/)
  const joined = await client.joinGroup(node, joinRequest(groupId, { memberId: required.memberId ?? '' }))
  expect(joined).toMatchObject({
    generation: 1,
    protocol: 'range',
    leaderId: required.memberId,
    memberId: required.memberId,
    members: [{ memberId: required.memberId, instanceId: null, metadata }],
  })
  const member = { groupId, generation: 1, memberId: joined.memberId, instanceId: null }
  const assignment = Buffer.from('everything')
  expect(await client.syncGroup(node, member, [{ memberId: joined.memberId, assignment }], HOLD_MS)).toEqual(assignment)
  await client.heartbeat(node, member)
  const old = await errorOf(client.heartbeat(node, { ...member, generation: 0 }))
  expect(old).toMatchObject({ type: 'ILLEGAL_GENERATION', code: 22, retriable: false })
  await client.leaveGroup(node, member)
  expect(await errorOf(client.heartbeat(node, member))).toMatchObject({ type: 'UNKNOWN_MEMBER_ID', code: 25 })
})

it('a static member comes back under its instance id to the same generation, and the one before it is fenced', async () => {
  const client = await connect()
  expect(client.supportsStaticMembership).toBe(true)
  const groupId = uniqueName('group')
  const topic = await createTopic({ partitions: 1 })
  const node = await coordinator(client, groupId)
  const instanceId = 'instance-0'
  const before = await joinAlone(client, node, groupId, { instanceId, assignment: 'mine' })
  expect(before.member.memberId).toMatch(/^instance-0-/)
  const offsets = (offset: bigint) => [{ topic, partition: 0, offset }]
  expect(await client.commitOffsets(node, before.member, offsets(5n))).toEqual([])

  const after = await joinAlone(client, node, groupId, { instanceId, assignment: 'not asked for' })
  expect(after.taken).toBe('mine')
  expect(after.member.generation).toBe(before.member.generation)
  expect(after.member.memberId).not.toBe(before.member.memberId)

  const fenced = { type: 'FENCED_INSTANCE_ID', code: 82, retriable: false }
  expect(await errorOf(client.heartbeat(node, before.member))).toMatchObject(fenced)
  expect(await errorOf(client.syncGroup(node, before.member, [], HOLD_MS))).toMatchObject(fenced)
  expect(await errorOf(client.leaveGroup(node, before.member))).toMatchObject(fenced)
  const [refused] = await client.commitOffsets(node, before.member, offsets(7n))
  expect(refused).toMatchObject({ topic, partition: 0, error: fenced })
  const [unnamed] = await client.commitOffsets(node, { ...before.member, instanceId: null }, offsets(7n))
  expect(unnamed?.error).toMatchObject({ code: 25 })

  expect(await client.commitOffsets(node, after.member, offsets(8n))).toEqual([])
  expect(await client.committedOffsets(node, groupId, [{ topic, partition: 0 }])).toMatchObject(offsets(8n))
  const [stale] = await client.commitOffsets(node, { ...after.member, generation: 9 }, offsets(9n))
  expect(stale?.error).toMatchObject({ type: 'ILLEGAL_GENERATION', code: 22 })
  await client.leaveGroup(node, after.member)
})

it('a group is described with what its members said and got, and one that is not there as dead', async () => {
  const client = await connect()
  const groupId = uniqueName('group')
  const node = await coordinator(client, groupId)
  expect(await client.describeGroup(node, groupId)).toEqual({ state: 'Dead', members: [] })
  const { member } = await joinAlone(client, node, groupId, { instanceId: 'instance-0', assignment: 'mine' })
  const { memberId, instanceId } = member
  const assignment = Buffer.from('mine')
  expect(await client.describeGroup(node, groupId)).toEqual({
    state: 'Stable',
    members: [{ memberId, instanceId, clientId: 'kafka-group', host: expect.any(String), metadata, assignment }],
  })
  await client.leaveGroup(node, member)
})

it('offsets that were never committed are -1, and come in the order asked for', async () => {
  const client = await connect()
  const groupId = uniqueName('group')
  const topic = await createTopic({ partitions: 3 })
  const node = await coordinator(client, groupId)
  const { member } = await joinAlone(client, node, groupId)
  await client.commitOffsets(node, member, [
    { topic, partition: 2, offset: 22n, leaderEpoch: -1 },
    { topic, partition: 0, offset: 2n ** 40n, leaderEpoch: -1 },
  ])
  const asked = [2, 1, 0].map((partition) => ({ topic, partition }))
  expect(await client.committedOffsets(node, groupId, asked)).toEqual([
    { topic, partition: 2, offset: 22n, leaderEpoch: -1 },
    { topic, partition: 1, offset: -1n, leaderEpoch: -1 },
    { topic, partition: 0, offset: 2n ** 40n, leaderEpoch: -1 },
  ])
  expect(await client.committedOffsets(node, groupId, [])).toEqual([])
  expect(await client.commitOffsets(node, member, [])).toEqual([])
  const [unknown] = await client.commitOffsets(node, member, [{ topic: uniqueName('none'), partition: 0, offset: 1n }])
  expect(unknown?.error).toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3 })
})

it('a JoinGroup that the broker holds back longer than the request timeout is waited for', async () => {
  const [first, second] = await Promise.all([connect('first'), connect('second')])
  const groupId = uniqueName('group')
  const node = await coordinator(first, groupId)
  const { member } = await joinAlone(first, node, groupId, { rebalanceTimeoutMs: 3_000 })
  // Held until the first member rejoins.
  const request = joinRequest(groupId, { rebalanceTimeoutMs: 3_000 })
  const required = await errorOf(second.joinGroup(node, request))
  const joining = second.joinGroup(node, { ...request, memberId: required.memberId ?? '' })
  await until(
    () =>
      first.heartbeat(node, member).then(
        () => false,
        (error: KafkaError) => error.code === 27,
      ),
    {
      what: 'the rebalance to begin',
    },
  )
  const rejoined = await first.joinGroup(
    node,
    joinRequest(groupId, { memberId: member.memberId, rebalanceTimeoutMs: 3_000 }),
  )
  expect((await joining).generation).toBe(rejoined.generation)
  expect(rejoined.generation).toBe(member.generation + 1)
})

it('a broker says which session timeouts it allows', async () => {
  const client = await connect()
  const node = await coordinator(client, 'any')
  const names = ['group.min.session.timeout.ms', 'group.max.session.timeout.ms']
  const config = await client.brokerConfig(node, names)
  expect(Object.keys(config).sort()).toEqual(names.toSorted())
  const tooLong = Number(config['group.max.session.timeout.ms']) + 1
  const request = joinRequest(uniqueName('group'), { sessionTimeoutMs: tooLong })
  expect(await errorOf(client.joinGroup(node, request))).toMatchObject({
    type: 'INVALID_SESSION_TIMEOUT',
    code: 26,
  })
})

it('topics are described as they are, in order, and never made by asking', async () => {
  const client = await connect()
  const [small, large, none] = [
    await createTopic({ partitions: 1 }),
    await createTopic({ partitions: 12 }),
    uniqueName('none'),
  ]
  for (let again = 0; again < 2; again++) {
    const [first, second, third] = await client.topics([large, none, small])
    expect(first).toMatchObject({ topic: large, error: null })
    expect(first?.partitions.map(({ partition }) => partition)).toEqual(Array.from({ length: 12 }, (_, index) => index))
    expect(first?.partitions.every(({ leader }) => leader >= 0)).toBe(true)
    expect(second).toEqual({ topic: none, error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] })
    expect(third?.partitions).toHaveLength(1)
  }
  expect((await client.topics(['no spaces allowed']))[0]?.error).toBe('INVALID_TOPIC_EXCEPTION')
  expect(await client.topics([])).toEqual([])
})
