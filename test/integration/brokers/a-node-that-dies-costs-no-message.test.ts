import { expect, inject, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const WORKERS = 2
const DEADLINE_MS = 60_000

it.skipIf(inject('externalBroker'))(
  'the node that coordinates the group and leads a third of the partitions is restarted under load, and nothing is lost',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const { clients } = broker
    const topic = await broker.createTopic(PARTITIONS)
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: WORKERS,
      kafka: { brokers: broker.brokers },
      consumer: { sessionTimeout: 20_000 },
    })
    const traffic = await startTraffic(topic, { partitions: PARTITIONS, everyMs: 50, clients })

    const isStable = async () => {
      const { slots, state } = pool.status()
      const { groups } = await clients.admin.describeGroups([pool.groupId])
      const members = groups[0]?.members.map(({ memberId }) => memberId).sort()
      return (
        state === 'running' &&
        groups[0]?.state === 'Stable' &&
        slots.every(({ seat }) => seat.state === 'stable' && seat.generation === slots[0]?.seat.generation) &&
        JSON.stringify(members) === JSON.stringify(slots.map(({ seat }) => seat.memberId).sort()) &&
        slots.reduce((sum, { assignment }) => sum + assignment.length, 0) === PARTITIONS
      )
    }
    const evidence = async () => ({
      committed: await clients.admin.fetchOffsets({ groupId: pool.groupId, topics: [topic] }),
      inTopic: await clients.admin.fetchTopicOffsets(topic),
      slots: pool.status().slots.map(({ state, seat, assignment }) => ({ state, seat, assignment })),
    })
    /** Every partition is committed further than when it was called: fetching, handling and committing work. */
    const untilAllMove = async () => {
      const read = async () => {
        const [answer] = await clients.admin.fetchOffsets({ groupId: pool.groupId, topics: [topic] })
        return new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
      }
      const before = await read()
      await until(
        async () => {
          const now = await read()
          return now.size === PARTITIONS && [...now].every(([partition, at]) => at > (before.get(partition) ?? -1))
        },
        { what: 'every partition to move', deadlineMs: DEADLINE_MS, everyMs: 200, evidence },
      )
    }
    await untilAllMove()

    const node = await (await rawClient(broker.brokers)).findCoordinator(pool.groupId)
    const [metadata] = (await clients.admin.fetchTopicMetadata({ topics: [topic] })).topics
    const led = metadata?.partitions.filter(({ leader }) => leader === node) ?? []
    expect(led.length).toBeGreaterThan(0)
    await broker.restart(node)
    await untilAllMove()
    await until(isStable, { what: 'every slot to be stable again', deadlineMs: DEADLINE_MS, everyMs: 200 })

    const produced = await traffic.stop()
    const verdict = await record.untilNothingIsLost(produced)
    expect(verdict.lost).toEqual([])
    expect(pool.heard('offset:reset')).toEqual([])
    expect(pool.status().totals.restarts).toBe(0)
  },
  240_000,
)
