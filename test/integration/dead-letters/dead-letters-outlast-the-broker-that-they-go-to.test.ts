import { beforeAll, describe, expect, inject, test } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { type PrivateBroker, startFileBroker } from '../../support/cluster/private-broker.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { recordsIn } from '../../support/cluster/raw-records.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const NODES = [1, 2, 3]
const RETRY = { attempts: 2, initialDelayMs: 10, maxDelayMs: 10 }
const DEADLINE_MS = 90_000
/** No request to a node that is frozen is given up before it is thawed. */
const PATIENCE_MS = 240_000

describe.skipIf(inject('externalBroker'))('the broker of a dead-letter topic', () => {
  let broker: PrivateBroker
  beforeAll(async () => {
    broker = await startFileBroker({ nodes: 3, properties: { 'offsets.topic.replication.factor': 1 } })
  })

  /** Makes a topic whose partitions are on one node alone, and waits until it serves them. */
  const createOn = async (node: number, topic: string, partitions: number) => {
    const { admin } = broker.clients
    const replicaAssignment = Array.from({ length: partitions }, (_, partition) => ({ partition, replicas: [node] }))
    await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false })
    const offsets = () => admin.fetchTopicOffsets(topic).catch(() => [])
    await until(async () => (await offsets()).length === partitions, { what: `${topic} to be served`, everyMs: 100 })
  }

  /** A pool of one thread and a dead letter of it that is stored, so that its connections are open. */
  const world = async () => {
    const groupId = uniqueName('group')
    const home = await (await rawClient(broker.brokers)).findCoordinator(groupId)
    const away = NODES.find((node) => node !== home) ?? 0
    const topic = uniqueName('orders')
    const dead = `${topic}.dlq`
    await createOn(home, topic, 2)
    await createOn(away, dead, 1)
    const produce = (partition: number, ...values: readonly string[]) =>
      broker.clients.producer.send({ topic, messages: values.map((value) => ({ partition, value })) })
    await produce(0, 'plain', 'throw')
    const record = newRecord()
    const started = await startPool({
      ...{ topics: [topic], handler: record.handler, workers: 1, groupId, retry: RETRY, deadLetter: true },
      kafka: { brokers: [broker.brokers[home - 1] ?? ''], requestTimeout: PATIENCE_MS },
      consumer: { sessionTimeout: 30_000 },
    })
    const { heard, status } = started
    await until(() => heard('message:dead-lettered').length === 1, { what: 'a dead letter', deadlineMs: DEADLINE_MS })
    const finishedUpTo = (partition: number) =>
      status().slots[0]?.assignment.find((each) => each.partition === partition)?.finishedUpTo
    const of = (partition: number) =>
      record
        .read()
        .filter((handling) => handling.partition === partition)
        .map(({ offset, attempt, outcome }) => [offset, attempt, outcome])
    const wellAgain = async () => {
      await until(() => finishedUpTo(0) === '4' && status().state === 'running', {
        ...{ what: 'everything to be handled', deadlineMs: DEADLINE_MS },
      })
      expect(of(0)).toEqual([
        [0, 1, 'finished'],
        ...[1, 2].flatMap((offset) => [1, 2].map((attempt) => [offset, attempt, 'failed'])),
        [3, 1, 'finished'],
      ])
      const letters = await recordsIn({ topic: dead, partition: 0 }, broker.brokers)
      expect(letters.map(({ letter }) => letter.offset)).toEqual(['1', '2'])
    }
    return { away, produce, finishedUpTo, wellAgain, of, ...started }
  }

  test('freezes while a dead letter is written, and its thread dies meanwhile: it is written once, and its message is not handled again', async () => {
    const { away, produce, heard, status, finishedUpTo, wellAgain, of } = await world()
    await broker.pause(away)
    await produce(0, 'throw', 'plain')
    const givenUp = () => heard('message:failed').filter(({ outcome }) => outcome === 'dead-letter')
    await until(() => givenUp().length === 2, { what: 'a message to be given up', deadlineMs: DEADLINE_MS })
    await produce(1, 'plain', 'exit-once', 'plain')
    await until(() => heard('slot:recovered').length === 1 && finishedUpTo(1) === '3', {
      ...{ what: 'the next thread to go on with the other partition', deadlineMs: DEADLINE_MS },
    })
    expect(finishedUpTo(0)).toBe('2')
    await broker.resume(away)
    await wellAgain()
    expect(of(1).map(([offset, , outcome]) => [offset, outcome])).toEqual([
      [0, 'finished'],
      [1, null],
      [1, 'finished'],
      [2, 'finished'],
    ])
    expect(heard('slot:crashed')).toHaveLength(1)
    expect(status().totals).toMatchObject({ finished: 7, failed: 2, deadLettered: 2, restarts: 1, rebalances: 0 })
  }, 300_000)

  test('dies: its partition waits and says so, the others go on, and it goes on when the broker is back', async () => {
    const { away, produce, heard, status, finishedUpTo, wellAgain } = await world()
    await broker.kill(away)
    await produce(0, 'throw', 'plain')
    await until(() => heard('partition:paused').length === 1, { what: 'it to wait', deadlineMs: DEADLINE_MS })
    expect(heard('partition:paused')).toMatchObject([
      { partition: 0, reason: 'dead-letter', offset: '2', error: { code: 'KCP_DEAD_LETTER_NOT_STORED' } },
    ])
    expect(status().state).toBe('degraded')
    await produce(1, ...Array<string>(20).fill('plain'))
    await until(() => finishedUpTo(1) === '20', { what: 'the other partition', deadlineMs: DEADLINE_MS })
    expect(finishedUpTo(0)).toBe('2')
    await broker.restart(away)
    await wellAgain()
    expect(heard('partition:resumed')).toMatchObject([{ partition: 0, offset: '2' }])
    expect(heard('slot:crashed')).toEqual([])
    expect(status().totals).toMatchObject({ finished: 24, failed: 2, deadLettered: 2, rebalances: 0 })
  }, 300_000)
})
