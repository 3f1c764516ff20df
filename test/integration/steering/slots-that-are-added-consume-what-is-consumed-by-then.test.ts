import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('by pool.subscribe, unsubscribe and pause, as the slots that were there; removed, they leave it to the others', async () => {
  const [first, second] = [await createTopic({ partitions: 4 }), await createTopic({ partitions: 4 })]
  const record = newRecord()
  const pool = await startPool({ topics: [first], handler: record.handler, workers: 1 })
  const assigned = () =>
    pool.pool.status().slots.flatMap(({ slot, assignment }) => assignment.map((partition) => ({ slot, ...partition })))
  const slotsWith = (topic: string) =>
    new Set(
      assigned()
        .filter((each) => each.topic === topic)
        .map(({ slot }) => slot),
    )
  const send = (topic: string) =>
    produce(
      topic,
      [0, 1, 2, 3].map((partition) => ({ partition, value: 'plain' })),
    )

  await pool.pool.subscribe(second)
  await pool.pool.unsubscribe(first)
  await pool.pool.pause(second, [0, 1, 2])
  await pool.pool.scale(3)
  await until(() => slotsWith(second).size === 3 && assigned().length === 4, { what: 'all slots to have a part' })
  expect(slotsWith(first).size).toBe(0)
  expect(pool.status().subscriptions).toMatchObject([{ topics: [second], slots: 3 }])
  expect(
    assigned()
      .filter(({ onHoldForMs }) => onHoldForMs !== null)
      .map(({ partition }) => partition)
      .sort(),
  ).toEqual([0, 1, 2])
  await send(second)
  await until(() => record.read().length > 0, { what: 'the message of the partition that is not paused' })
  expect(record.read().map(({ partition }) => partition)).toEqual([3])

  // While one comes and goes, too.
  await Promise.all([pool.pool.scale(2), pool.pool.subscribe(first)])
  await Promise.all([pool.pool.scale(3), pool.pool.pause(first)])
  await until(() => slotsWith(first).size > 0 && assigned().length === 8, { what: 'both topics' })
  await send(first)
  pool.pool.resume(second)
  await until(() => record.read().length >= 4, { what: 'what was paused' })
  expect(record.read().some(({ topic }) => topic === first)).toBe(false)

  await pool.pool.scale(1)
  await until(() => assigned().length === 8, { what: 'the slot that stays to have all' })
  expect(assigned().filter(({ onHoldForMs }) => onHoldForMs !== null)).toHaveLength(4)
  await pool.pool.seek(second, 0, 'beginning')
  pool.pool.resume(first)
  const produced = (await Promise.all([first, second].map((topic) => producedIn(topic)))).flat()
  const verdict = await record.untilNothingIsLost(produced)
  expect(verdict).toMatchObject({ lost: [], overlapping: [], unknown: [] })
  await until(() => record.read().length === 9, { what: 'the one that was sought to be handled again' })
  await until(() => pool.status().state === 'running', { what: 'the pool to be well' })
})
