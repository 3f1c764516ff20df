import { expect, inject, it } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

/** The leader of the topic and its only follower; the third node keeps the quorum and the group's offsets. */
const LEADER = 1
const FOLLOWER = 2
/** Messages on both replicas; on the leader alone; that the follower gets when it leads. */
const BOTH = 10
const LOST = 20
const OTHERS = 40

const timesHandled = (record: TestRecord): number[] => {
  const times: number[] = []
  for (const { offset } of record.read()) times[offset] = (times[offset] ?? 0) + 1
  return Array.from(times, (count) => count ?? 0)
}

it.skipIf(inject('externalBroker'))(
  'a follower that lags behind becomes leader: a running pool and one that starts later go back to where the logs part',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const { admin, producer } = broker.clients
    const topic = uniqueName('topic')
    const leaderOf = async (): Promise<number> => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
      return topics[0]?.partitions[0]?.leader ?? -1
    }
    await admin.createTopics({
      topics: [
        {
          topic,
          replicaAssignment: [{ partition: 0, replicas: [LEADER, FOLLOWER] }],
          configEntries: [{ name: 'unclean.leader.election.enable', value: 'true' }],
        },
      ],
      waitForLeaders: false,
    })
    await until(async () => (await leaderOf()) === LEADER, { what: 'the leader' })
    // With `acks` 1 the leader alone is waited for: an answer that is late is a request that KafkaJS sends again.
    const produce = (count: number, acks: -1 | 1) =>
      producer.send({ topic, acks, messages: Array.from({ length: count }, () => ({ value: 'plain' })) })
    const start = (record: TestRecord, groupId = uniqueName('group')) =>
      startPool({
        groupId,
        topics: [topic],
        handler: record.handler,
        workers: 1,
        kafka: { brokers: broker.brokers },
        consumer: { sessionTimeout: 30_000, rebalanceTimeout: 30_000, maxWaitTimeInMs: 500 },
      })
    const running = newRecord()
    const stopped = newRecord()
    const pool = await start(running)
    const early = await start(stopped)

    await produce(BOTH, -1)
    await until(() => running.read().length === BOTH, { what: 'what both replicas have' })
    await broker.kill(FOLLOWER)
    await produce(LOST, 1)
    for (const record of [running, stopped]) {
      await until(() => record.read().length === BOTH + LOST, { what: 'what only the leader has', deadlineMs: 60_000 })
    }
    await early.pool.stop()

    await broker.kill(LEADER)
    await broker.restart(FOLLOWER)
    await until(async () => (await leaderOf()) === FOLLOWER, { what: 'the unclean election', deadlineMs: 60_000 })
    await produce(OTHERS, 1)
    const end = BOTH + OTHERS
    const twice = (offset: number) => offset >= BOTH && offset < BOTH + LOST
    const expected = Array.from({ length: end }, (_, offset) => (twice(offset) ? 2 : 1))
    const reset = { topic, partition: 0, from: String(BOTH + LOST), to: String(BOTH), reason: 'truncated' }
    await until(() => running.read().length === end + LOST, {
      what: 'all that the new leader has',
      deadlineMs: 60_000,
      evidence: () => timesHandled(running),
    })
    expect(timesHandled(running)).toEqual(expected)
    expect(pool.heard('offset:reset')).toMatchObject([reset])

    const late = await start(stopped, early.groupId)
    await until(() => stopped.read().length === end + LOST, {
      what: 'all that the new leader has, by the pool that was away',
      deadlineMs: 60_000,
      evidence: () => timesHandled(stopped),
    })
    expect(timesHandled(stopped)).toEqual(expected)
    expect(late.heard('offset:reset')).toMatchObject([reset])

    for (const each of [pool, late]) {
      await each.pool.stop()
      const [committed] = await admin.fetchOffsets({ groupId: each.groupId, topics: [topic] })
      expect(committed?.partitions).toMatchObject([{ partition: 0, offset: String(end) }])
      expect(each.status().totals.restarts).toBe(0)
    }
  },
  300_000,
)
