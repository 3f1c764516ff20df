import { expect, inject, it } from 'vitest'
import { freePorts } from '#scripts/kafka/ports.js'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startSwallowingProxy } from '../../support/cluster/swallowing-proxy.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const LEADER = 1
const FOLLOWER = 2
const SELECTOR = { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }
const MANY = 50
/** Of each of these messages: nothing else that the follower sends comes near. */
const SIZE = 20_000
/** Small ones may be among those that were handled. */
const SENT = (MANY * SIZE) / 2

it.skipIf(inject('externalBroker'))(
  'messages come from the follower in the own rack; when that is killed from the leader, which is said once; and from the follower again',
  async () => {
    const ports = await freePorts(3)
    // All that the follower sends to clients passes here.
    const proxy = await startSwallowingProxy(ports[FOLLOWER - 1] ?? 0)
    const clientPorts = ports.map((port, index) => ({ port, advertised: index + 1 === FOLLOWER ? proxy.port : port }))
    const broker = await startPrivateBroker({ nodes: 3, clientPorts, properties: SELECTOR })
    const { clients } = broker
    const topic = uniqueName('topic')
    const replicaAssignment = [{ partition: 0, replicas: [LEADER, FOLLOWER, 3] }]
    await clients.admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false })
    const found = () => clients.admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
    await until(async () => (await found()).topics[0]?.partitions[0]?.leader === LEADER, { what: 'the leader' })
    const record = newRecord()
    const { lines, logger } = collectLines()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 1,
      logger,
      kafka: { brokers: broker.brokers.filter((_, index) => index + 1 !== FOLLOWER) },
      consumer: { rackId: `rack-${FOLLOWER}`, sessionTimeout: 20_000, metadataMaxAge: 10_000 },
    })
    const handled = () => record.read().length
    /** How many bytes the follower has sent when many messages more are handled. */
    const sentForMany = async (from: string): Promise<number> => {
      const [sent, before] = [proxy.sent, handled()]
      const message = { value: 'plain', headers: { padding: 'x'.repeat(SIZE) } }
      for (let n = 0; n < MANY; n++) await clients.producer.send({ topic, acks: -1, messages: [message] })
      await until(() => handled() >= before + MANY, { what: `messages from ${from}`, deadlineMs: 60_000 })
      return proxy.sent - sent
    }
    expect(await sentForMany('the follower')).toBeGreaterThan(SENT)

    const traffic = await startTraffic(topic, { partitions: 1, everyMs: 50, clients })
    await broker.kill(FOLLOWER)
    const cause = `node ${FOLLOWER} cannot be read from, which the leaders prefer for rack "rack-${FOLLOWER}"`
    const said = () => lines.filter(({ level, msg }) => level === 40 && msg.startsWith(cause))
    await until(() => said().length > 0, { what: 'the line that says that the leader is read from' })
    expect(await sentForMany('the leader')).toBe(0)
    expect(said().length).toBe(1)

    await broker.restart(FOLLOWER)
    const isBack = () => lines.some(({ level, msg }) => level === 30 && msg === `no longer: ${cause}`)
    await until(isBack, { what: 'the follower to be read again', deadlineMs: 60_000 })
    expect(await sentForMany('the follower')).toBeGreaterThan(SENT)
    const verdict = await record.untilNothingIsLost(await traffic.stop())
    expect(verdict.lost).toEqual([])
    expect(pool.heard('offset:reset')).toEqual([])
  },
  240_000,
)
