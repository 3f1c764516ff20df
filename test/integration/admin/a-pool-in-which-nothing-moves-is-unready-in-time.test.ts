import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ask } from '../../support/admin/ask.js'
import { type PrivateBroker, startFileBroker } from '../../support/cluster/private-broker.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const ALICE = { username: 'alice', password: 'password-of-alice' }
const SESSION_MS = 6_000
/** How often the pool looks whether anything moves: once it sees that messages wait, and once that it has been too long. */
const LOOK_MS = 1_000
/** For an answer that is a moment old, and the next question. */
const MOMENT_MS = 500

describe.skipIf(inject('externalBroker'))('while messages wait', () => {
  let broker: PrivateBroker
  beforeAll(async () => {
    broker = await startFileBroker({
      security: {
        listeners: { SASL: { protocol: 'SASL_PLAINTEXT', mechanisms: ['SCRAM-SHA-512'] } },
        users: { [ALICE.username]: ALICE.password },
      },
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
        'allow.everyone.if.no.acl.found': true,
      },
    })
  })

  test('readyz answers 503 after two sessions in which nothing moved, and 200 within two seconds when it moves', async () => {
    const topic = await broker.createTopic(1)
    const { pool, status } = await startPool({
      ...{ topics: [topic], handler: newRecord().handler, workers: 1, admin: { port: 0 } },
      consumer: { sessionTimeout: SESSION_MS, heartbeatInterval: 500 },
      kafka: {
        brokers: [...(broker.secured.SASL ?? [])],
        sasl: { mechanism: 'scram-sha-512', ...ALICE },
      },
    })
    const answers = async (expected: number): Promise<number> => {
      const beganAt = performance.now()
      const isSaid = async () => (await ask(`${pool.adminAddress}/readyz`)).status === expected
      await until(isSaid, { what: `readyz to answer ${expected}`, everyMs: 50, deadlineMs: 60_000 })
      return performance.now() - beganAt
    }
    let sent = 0
    const produce = async () => {
      await broker.clients.producer.send({ topic, messages: [{ partition: 0, value: 'plain' }] })
      sent += 1
    }
    await produce()
    await until(() => status().totals.finished === sent, { what: 'the first message' })
    expect(await answers(200)).toBeLessThan(MOMENT_MS)

    const rule = {
      ...{ resourceType: AclResourceTypes.TOPIC, resourceName: topic, principal: `User:${ALICE.username}`, host: '*' },
      ...{ resourcePatternType: ResourcePatternTypes.LITERAL, operation: AclOperationTypes.READ },
      permissionType: AclPermissionTypes.DENY,
    }
    await broker.clients.admin.createAcls({ acl: [rule] })
    // What was asked for before is still answered.
    const isRefused = async () => {
      await produce()
      return status().slots[0]?.assignment[0]?.lag === null
    }
    await until(isRefused, { what: 'the topic not to be read any more', everyMs: 100 })
    const unreadyAfterMs = await answers(503)
    expect(unreadyAfterMs).toBeGreaterThan(SESSION_MS)
    expect(unreadyAfterMs).toBeLessThan(2 * SESSION_MS + 2 * LOOK_MS + MOMENT_MS)
    expect((await ask(`${pool.adminAddress}/readyz`)).json).toMatchObject({
      reasons: ['slot 0: messages wait and nothing moves'],
    })

    await broker.clients.admin.deleteAcls({ filters: [rule] })
    await until(() => status().totals.finished === sent, { what: 'what waited', everyMs: 20, deadlineMs: 60_000 })
    expect(await answers(200)).toBeLessThan(2_000)
  }, 180_000)
})
