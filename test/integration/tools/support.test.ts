import { expect, inject, onTestFinished, test } from 'vitest'
import { GroupLog } from '#scripts/support/group-log.js'
import { until } from '#scripts/support/until.js'
import {
  brokers,
  committed,
  createTopic,
  describeGroup,
  describeGroupWithTool,
  groupHistory,
  kafkaClient,
  produce,
  uniqueName,
} from '../../support/cluster/index.js'

const join = async (groupId: string, topic: string, clientId: string) => {
  const consumer = kafkaClient(clientId).consumer({ groupId, sessionTimeout: 6000, maxWaitTimeInMs: 100 })
  const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()))
  onTestFinished(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 1, eachMessage: async () => undefined })
  await joined
  return consumer
}

const stable = (groupId: string, members: number) =>
  until(
    async () => {
      const group = await describeGroup(groupId)
      return group.state === 'Stable' && group.members.length === members && group
    },
    { what: `${members} members in ${groupId}` },
  )

test('what the tests ask the broker agrees with what Kafka’s own tool says', async () => {
  const topic = await createTopic({ partitions: 4 })
  const groupId = uniqueName('group')
  expect(await describeGroup(groupId)).toEqual({ state: 'Dead', protocol: '', generation: null, members: [] })
  expect(await committed(groupId, topic)).toEqual(new Map())

  await join(groupId, topic, 'first')
  const one = await stable(groupId, 1)
  expect(one).toMatchObject({ generation: 1, protocol: 'RoundRobinAssigner' })
  expect(one.members[0]).toMatchObject({ clientId: 'first', assignment: { [topic]: [0, 1, 2, 3] } })

  await join(groupId, topic, 'second')
  const two = await stable(groupId, 2)
  expect(two.generation).toBeGreaterThan(1)
  expect(two.members.map(({ clientId }) => clientId)).toEqual(['first', 'second'])
  expect(two.members.flatMap(({ assignment }) => assignment[topic] ?? []).sort()).toEqual([0, 1, 2, 3])

  const shown = (await describeGroupWithTool(groupId)).sort((a, b) => (a.clientId < b.clientId ? -1 : 1))
  expect(shown).toEqual(
    two.members.map(({ memberId, assignment, givesUp: _, ...member }) => ({
      ...member,
      consumerId: memberId,
      partitions: assignment[topic]?.length,
      assignment: inject('version').startsWith('3.') ? null : assignment,
    })),
  )

  const history = await groupHistory(groupId)
  expect(history.map(({ generation }) => generation)).toContain(1)
  expect(history.at(-1)?.generation).toBe(two.generation)
})

test('committed offsets are those of the messages that were handled', async () => {
  const topic = await createTopic({ partitions: 2 })
  const groupId = uniqueName('group')
  const written = await produce(topic, [
    { partition: 0, value: 'a' },
    { partition: 0, value: 'b' },
    { partition: 1, value: null },
  ])
  expect(written.map(({ partition }) => partition).sort()).toEqual([0, 1])
  await join(groupId, topic, 'reader')
  await until(async () => (await committed(groupId, topic)).get(0) === 2n && (await committed(groupId, topic)).has(1), {
    what: 'the commits',
    everyMs: 100,
    deadlineMs: 30_000,
  })
  expect(await committed(groupId, topic)).toEqual(
    new Map([
      [0, 2n],
      [1, 1n],
    ]),
  )
  // The coordinator's own log says the same, and that nothing was taken back on the way.
  const log = new GroupLog(brokers())
  onTestFinished(() => log.close())
  const logged = await log.commits(groupId)
  const offsetsOf = (of: number) => logged.flatMap(({ partition, offset }) => (partition === of ? [offset] : []))
  expect([offsetsOf(0).at(-1), offsetsOf(1).at(-1)]).toEqual([2, 1])
  expect(offsetsOf(0)).toEqual([...offsetsOf(0)].sort())
  for (const commit of logged) {
    expect(commit).toMatchObject({ groupId, topic })
    expect(Math.abs(commit.atEpochMs - Date.now())).toBeLessThan(120_000)
  }
})
