import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, describeGroup, produce, uniqueName } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const fill = (topic: string, values: readonly string[]) =>
  produce(
    topic,
    values.flatMap((value) => [0, 1].map((partition) => ({ partition, value }))),
  )

test('each subscription has its own handler, group, slots and options, in the thread and at the broker', async () => {
  const [orders, payments] = [await createTopic({ partitions: 2 }), await createTopic({ partitions: 2 })]
  const [ordersRecord, paymentsRecord] = [newRecord(), newRecord()]
  await fill(orders, ['plain', 'throw', 'plain'])
  await fill(payments, ['plain', 'plain'])
  const paymentsGroup = uniqueName('payments')
  const { pool, groupId, heard } = await startPool({
    workers: 2,
    retry: { attempts: 2, initialDelayMs: 10 },
    consumer: { groupInstanceId: 'shared' },
    subscriptions: [
      { topics: [orders], handler: ordersRecord.handler, onExhausted: 'skip' },
      {
        topics: [payments],
        handler: paymentsRecord.handler,
        workers: 1,
        fromBeginning: false,
        kafka: { clientId: 'payments' },
        consumer: { groupId: paymentsGroup, groupInstanceId: 'payer', 'fetch.max.wait.ms': 50 },
      },
    ],
    perSlot: (slot) => (slot === 1 ? { retry: { attempts: 1 }, consumer: { groupInstanceId: 'special' } } : undefined),
  })
  await until(() => pool.status().totals.finished + pool.status().totals.failed >= 6, { what: 'the orders' })
  await fill(payments, ['plain'])
  await until(() => paymentsRecord.read().length === 2, { what: 'the payments' })

  // The broker: two groups, each with its members, their topics and ids.
  const [ordersMembers, paymentsMembers] = await Promise.all(
    [groupId, paymentsGroup].map(async (id) => (await describeGroup(id)).members),
  )
  expect(ordersMembers?.map(({ groupInstanceId }) => groupInstanceId).sort()).toEqual(['shared-0', 'special'])
  expect(ordersMembers?.map(({ assignment }) => assignment[orders]?.length)).toEqual([1, 1])
  expect(paymentsMembers).toMatchObject([{ groupInstanceId: 'payer', assignment: { [payments]: [0, 1] } }])
  expect(paymentsMembers?.[0]?.clientId).toMatch(/^payments-02-/)

  // The threads: what they report, and what they do.
  expect(pool.status().slots.map(({ config, subscription }) => ({ subscription, config }))).toMatchObject([
    { subscription: 0, config: { topics: [orders], handler: ordersRecord.handler, 'retry.attempts': 2 } },
    { subscription: 0, config: { topics: [orders], handler: ordersRecord.handler, 'retry.attempts': 1 } },
    {
      subscription: 1,
      config: {
        ...{ topics: [payments], handler: paymentsRecord.handler, onExhausted: 'pause', fromBeginning: false },
        ...{ groupId: paymentsGroup, groupInstanceId: 'payer', maxWaitTimeInMs: 50 },
      },
    },
  ])
  const attempts = (slot: number) => heard('message:failed').filter((event) => event.slot === slot).length
  expect([attempts(0), attempts(1)]).toEqual([2, 1])
  expect(paymentsRecord.read().map(({ offset, slot }) => [offset, slot])).toEqual([
    [2, 2],
    [2, 2],
  ])
  await pool.stop()
  expect([...(await committed(groupId, orders)).values()]).toEqual([3n, 3n])
  expect([...(await committed(paymentsGroup, payments)).values()]).toEqual([3n, 3n])
})
