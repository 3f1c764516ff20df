import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { makeTopic } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { type PrivateBroker, startFileBroker } from '../../support/cluster/private-broker.js'
import { recordsIn } from '../../support/cluster/raw-records.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const ALICE = { username: 'alice', password: 'password-of-alice' }
const DEADLINE_MS = 60_000

describe.skipIf(inject('externalBroker'))('a dead-letter topic with ACLs', () => {
  let broker: PrivateBroker
  beforeAll(async () => {
    broker = await startFileBroker({
      security: {
        listeners: { SASL: { protocol: 'SASL_PLAINTEXT', mechanisms: ['PLAIN'] } },
        users: { [ALICE.username]: ALICE.password },
      },
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // Whoever comes by the plain listener, which are the nodes and the tests.
        'super.users': 'User:ANONYMOUS',
        'allow.everyone.if.no.acl.found': true,
      },
    })
  })

  /** Once there is one, the topic is closed to all others. */
  const allow = (topic: string, user: string, operation: AclOperationTypes) =>
    broker.clients.admin.createAcls({
      acl: [
        {
          ...{ resourceType: AclResourceTypes.TOPIC, resourceName: topic },
          resourcePatternType: ResourcePatternTypes.LITERAL,
          ...{ principal: `User:${user}`, host: '*', operation, permissionType: AclPermissionTypes.ALLOW },
        },
      ],
    })

  test('is told of at the start, and holds its partition up until this client may describe and write it', async () => {
    const topic = await broker.createTopic(2)
    const dead = `${topic}.dlq`
    await makeTopic(broker.clients.admin, dead, { partitions: 2 })
    await allow(dead, 'somebody-else', AclOperationTypes.ALL)
    const produce = (partition: number, ...values: readonly string[]) =>
      broker.clients.producer.send({ topic, messages: values.map((value) => ({ partition, value })) })
    await produce(0, 'final', 'plain')
    await produce(1, ...Array<string>(20).fill('plain'))
    const record = newRecord()
    const { logger, lines } = collectLines()
    const { pool, status, heard } = await startPool({
      ...{ topics: [topic], handler: record.handler, workers: 1, deadLetter: true, logger },
      kafka: { brokers: [...(broker.secured.SASL ?? [])], sasl: { mechanism: 'plain', ...ALICE } },
    })
    expect(lines.map(({ msg }) => msg)).toContain(
      `dead letters of "${topic}" go to "${dead}", which this client may not describe: the first one will hold its partition up until it may (ACLs Describe and Write)`,
    )
    const partition = (number: number) =>
      status().slots[0]?.assignment.find((each) => each.partition === number) ?? { finishedUpTo: '', paused: null }
    const refused = () => partition(0).paused?.error.message ?? ''
    await until(() => /^.*Metadata for .* TOPIC_AUTHORIZATION_FAILED/.test(refused()), {
      ...{ what: 'the partition to wait', deadlineMs: DEADLINE_MS },
    })
    expect(refused()).toContain(`Let this client describe and write "${dead}" (ACLs Describe and Write)`)
    expect(heard('partition:paused')).toMatchObject([
      { partition: 0, reason: 'dead-letter', offset: '0', error: { code: 'KCP_DEAD_LETTER_NOT_STORED' } },
    ])
    await until(() => partition(1).finishedUpTo === '20', { what: 'the other partition', deadlineMs: DEADLINE_MS })

    /** Tried again and again, as its waits grow. */
    const untilTold = (pattern: RegExp) =>
      until(() => pool.resume(topic, 0) && pattern.test(refused()), {
        ...{ what: `${pattern}`, everyMs: 200, deadlineMs: DEADLINE_MS },
      })
    await allow(dead, ALICE.username, AclOperationTypes.DESCRIBE)
    await untilTold(/Produce to .* TOPIC_AUTHORIZATION_FAILED .*Let this client describe and write/)
    expect(await recordsIn({ topic: dead, partition: 0 }, broker.brokers)).toEqual([])

    await allow(dead, ALICE.username, AclOperationTypes.WRITE)
    await until(() => partition(0).finishedUpTo === '2' || (pool.resume(topic, 0) && false), {
      ...{ what: 'the partition to go on', everyMs: 200, deadlineMs: DEADLINE_MS },
    })
    expect(await recordsIn({ topic: dead, partition: 0 }, broker.brokers)).toHaveLength(1)
    await until(() => status().state === 'running', { what: 'the pool to be well', deadlineMs: DEADLINE_MS })
    expect(heard('partition:resumed')).toMatchObject([{ partition: 0, offset: '0' }])
    expect(status().totals).toMatchObject({ finished: 22, failed: 1, deadLettered: 1 })
  }, 300_000)
})
