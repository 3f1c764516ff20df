import { expect, inject, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

it.skipIf(inject('externalBroker'))(
  'the follower in the own rack is killed: the pool goes on with the leader, says so once, and comes back to it',
  async () => {
    const selector = { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }
    const broker = await startPrivateBroker({ nodes: 3, properties: selector })
    const { clients } = broker
    const topic = await broker.createTopic(1)
    const [found] = (await clients.admin.fetchTopicMetadata({ topics: [topic] })).topics
    const leader = found?.partitions[0]?.leader
    const follower = [1, 2, 3].find((node) => node !== leader) ?? 0
    const record = newRecord()
    const { lines, logger } = collectLines()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 1,
      logger,
      kafka: { brokers: broker.brokers.filter((_, index) => index + 1 !== follower) },
      consumer: { rackId: `rack-${follower}`, sessionTimeout: 20_000, metadataMaxAge: 10_000 },
    })
    const traffic = await startTraffic(topic, { partitions: 1, everyMs: 50, clients })
    const handled = () => record.read().length
    await until(() => handled() > 5, { what: 'messages from the follower' })

    await broker.kill(follower)
    const cause = `node ${follower} cannot be read from, which the leaders prefer for rack "rack-${follower}"`
    const said = () => lines.filter(({ level, msg }) => level === 40 && msg.startsWith(cause))
    await until(() => said().length > 0, { what: 'the line that says that the leader is read from' })
    const before = handled()
    await until(() => handled() > before + 10, { what: 'messages from the leader', deadlineMs: 60_000 })
    expect(said().length).toBe(1)

    await broker.restart(follower)
    const isBack = () => lines.some(({ level, msg }) => level === 30 && msg === `no longer: ${cause}`)
    await until(isBack, { what: 'the follower to be read again', deadlineMs: 60_000 })
    const verdict = await record.untilNothingIsLost(await traffic.stop())
    expect(verdict.lost).toEqual([])
    expect(pool.heard('offset:reset')).toEqual([])
  },
  240_000,
)
