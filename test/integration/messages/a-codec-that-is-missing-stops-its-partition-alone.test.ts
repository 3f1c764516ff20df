import { CompressionTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce, producerClient } from '../../support/cluster/index.js'
import { SNAPPY_MODULE, writeSnappy } from '../../support/cluster/snappy.js'
import { createPool, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const toBoth = (value: string) => [0, 1].map((partition) => ({ partition, value }))

/** Partition 0 has plain messages; partition 1 a plain one, then a batch of two in snappy. */
const makeTopic = async (): Promise<string> => {
  const topic = await createTopic({ partitions: 2 })
  await produce(topic, toBoth('plain'))
  writeSnappy()
  const producer = await producerClient()
  const messages = [1, 2].map((n) => ({ partition: 1, value: `snappy ${n}` }))
  await producer.send({ topic, compression: CompressionTypes.Snappy, messages })
  await produce(topic, toBoth('plain'))
  return topic
}

test('a batch in a codec that is not there stops its partition with the remedy, and the others go on', async () => {
  const topic = await makeTopic()
  const record = newRecord()
  const { pool, groupId, heard } = await startPool({ topics: [topic], handler: record.handler, workers: 1 })
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  const error = { code: 'KCP_CODEC_MISSING', message: expect.stringContaining('Install kafkajs-snappy') }
  expect(heard('partition:paused')).toMatchObject([{ topic, partition: 1, offset: '1', error }])
  expect(heard('partition:paused')[0]?.error.message).toContain("codecs: { snappy: 'kafkajs-snappy' }")

  await produce(topic, toBoth('plain'))
  await until(() => pool.status().totals.finished === 4, { what: 'the partition that goes on, and what was before' })
  expect(pool.status()).toMatchObject({
    state: 'degraded',
    slots: [
      {
        assignment: [
          { partition: 0, finishedUpTo: '3', paused: null },
          { partition: 1, paused: { offset: '1' } },
        ],
      },
    ],
    totals: { failed: 0, restarts: 0 },
  })
  await pool.stop()
  expect([...(await committed(groupId, topic))]).toEqual([
    [0, 3n],
    [1, 1n],
  ])

  // With the codec, whoever comes next goes on where it stopped.
  const healed = await startPool({
    ...{ groupId, topics: [topic], handler: record.handler, workers: 1 },
    kafka: { codecs: { snappy: SNAPPY_MODULE } },
  })
  await until(() => healed.status().totals.finished === 4, { what: 'the rest' })
  expect(healed.status().state).toBe('running')
  const read = record.read().filter(({ partition }) => partition === 1)
  expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
})

test('a module that is no codec, or is not there, is refused at start with the name of its option', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler } = newRecord()
  for (const snappy of ['data:text/javascript,export default 7', 'no-such-codec']) {
    const { pool } = createPool({ topics: [topic], handler, workers: 2, kafka: { codecs: { snappy } } })
    await expect(pool.start()).rejects.toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('codecs.snappy'),
    })
    expect(pool.status().state).toBe('stopped')
  }
})
