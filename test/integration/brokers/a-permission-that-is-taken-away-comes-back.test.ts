import { setTimeout as sleep } from 'node:timers/promises'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { type PrivateBroker, startFileBroker } from '../../support/cluster/private-broker.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const ALICE = { username: 'alice', password: 'password-of-alice' }
const DEADLINE_MS = 90_000
const WARN = 40
/** One when it begins and one a minute of the commits, the seat and the thread, for two slots; and when it ends. */
const MOST_LINES = 20

describe.skipIf(inject('externalBroker'))('while a pool runs', () => {
  let broker: PrivateBroker
  beforeAll(async () => {
    broker = await startFileBroker({
      security: {
        listeners: { SASL: { protocol: 'SASL_PLAINTEXT', mechanisms: ['SCRAM-SHA-512'], maxReauthMs: 2_000 } },
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

  /** Takes something away, sees that the pool says so and is not well, gives it back, and sees that nothing is lost. */
  const play = async (
    takeAway: (names: { readonly topic: string; readonly groupId: string }) => Promise<() => Promise<unknown>>,
    told: RegExp,
  ) => {
    const topic = await broker.createTopic(2)
    const { logger, lines } = collectLines()
    const record = newRecord()
    const { status, groupId } = await startPool({
      ...{ topics: [topic], handler: record.handler, workers: 2, logger },
      kafka: {
        brokers: [...(broker.secured.SASL ?? [])],
        sasl: { mechanism: 'scram-sha-512', ...ALICE },
        retry: { retries: 1, initialRetryTime: 50 },
      },
    })
    let sent = 0
    const produce = async () => {
      const messages = Array.from({ length: 20 }, (_, n) => ({ partition: n % 2, value: 'plain' }))
      await broker.clients.producer.send({ topic, messages })
      sent += messages.length
    }
    const committed = () => status().slots.reduce((sum, slot) => sum + Number(slot.assignment[0]?.committed ?? 0), 0)
    await produce()
    await until(() => committed() === sent, { what: 'the first messages', deadlineMs: DEADLINE_MS })

    const giveBack = await takeAway({ topic, groupId })
    const isTold = () =>
      lines.some(({ level, err, msg }) => level >= WARN && told.test(`${msg} ${JSON.stringify(err)}`))
    const isUnwell = async () => {
      if (isTold() && status().state === 'degraded') return true
      await produce()
      return false
    }
    await until(isUnwell, { what: `the pool to say so (${told})`, deadlineMs: DEADLINE_MS, everyMs: 200 })
    // Unwell it stays, for as long as it is not given back.
    await produce()
    const uncommitted = committed()
    for (let n = 0; n < 5; n++) {
      await until(() => status().state === 'degraded', { what: 'the pool to be unwell still', deadlineMs: 2_000 })
      expect(committed()).toBe(uncommitted)
      await sleep(200)
    }
    const before = lines.length
    await giveBack()
    await until(() => committed() === sent && status().state === 'running', {
      ...{ what: 'everything to be handled and committed', deadlineMs: DEADLINE_MS },
      evidence: () => JSON.stringify({ sent, state: status().state, slots: status().slots }),
    })
    await until(() => lines.slice(before).some(({ level }) => level === 30), { what: 'the end to be told' })
    expect(lines.filter(({ level }) => level >= WARN).length).toBeLessThan(MOST_LINES)
  }

  const deny = async (resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes) => {
    const rule = {
      ...{ resourceType, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL },
      ...{ principal: `User:${ALICE.username}`, host: '*', operation, permissionType: AclPermissionTypes.DENY },
    }
    const { admin } = broker.clients
    await admin.createAcls({ acl: [rule] })
    return () => admin.deleteAcls({ filters: [rule] })
  }

  test('the permission to read the group is taken away and given back', async () => {
    await play(
      ({ groupId }) => deny(AclResourceTypes.GROUP, groupId, AclOperationTypes.READ),
      /refuses.*Give this client's user the permission Read on the group/,
    )
  }, 300_000)

  test.each([
    ['read', AclOperationTypes.READ],
    ['know', AclOperationTypes.ALL],
  ])(
    'the permission to %s the topic is taken away and given back',
    async (_, operation) => {
      await play(
        ({ topic }) => deny(AclResourceTypes.TOPIC, topic, operation),
        /not allowed to read topic .*give this client's user the permissions Read and Describe/,
      )
    },
    300_000,
  )

  test('a topic that may not be read any more is not forgotten over another that keeps the slot busy', async () => {
    const [denied, busy] = [await broker.createTopic(1), await broker.createTopic(1)]
    const record = newRecord()
    const { status } = await startPool({
      ...{ topics: [denied, busy], handler: record.handler, workers: 1, fromBeginning: true },
      consumer: { sessionTimeout: 6_000, heartbeatInterval: 500 },
      kafka: { brokers: [...(broker.secured.SASL ?? [])], sasl: { mechanism: 'scram-sha-512', ...ALICE } },
    })
    const send = (topic: string, value: string, count: number) =>
      broker.clients.producer.send({ topic, messages: Array.from({ length: count }, () => ({ partition: 0, value })) })
    await send(denied, 'plain', 5)
    await until(() => status().totals.finished === 5, { what: 'the first messages', deadlineMs: DEADLINE_MS })
    await deny(AclResourceTypes.TOPIC, denied, AclOperationTypes.READ)
    await send(denied, 'plain', 5)
    await send(busy, 'sleep:200', 600)
    const isUnwell = () => status().state === 'degraded' && status().slots[0]?.stalled === true
    await until(isUnwell, { what: 'the pool to be unwell', deadlineMs: DEADLINE_MS, everyMs: 200 })
    expect(status().slots[0]?.inFlight).toBe(1)
  }, 300_000)

  test('the password is changed, and changed back', async () => {
    const setPassword = (password: string) =>
      broker.tool('kafka-configs', [
        ...['--alter', '--entity-type', 'users', '--entity-name', ALICE.username],
        ...['--add-config', `SCRAM-SHA-512=[password=${password}]`],
      ])
    await play(async () => {
      await setPassword('another-password')
      return () => setPassword(ALICE.password)
    }, /Check the credentials in option sasl/)
  }, 300_000)
})
