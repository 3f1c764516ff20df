import { CompressionTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce, producerClient } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('a batch that decompresses to more than maxDecompressedBytes stops its partition, and raising that option heals it', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  await produce(topic, [{ partition: 0, value: 'small' }])
  const producer = await producerClient()
  const messages = [{ partition: 0, value: 'x'.repeat(20_000) }]
  await producer.send({ topic, compression: CompressionTypes.GZIP, messages })

  const options = { topics: [topic], handler: record.handler, workers: 1 }
  const { pool, groupId, heard } = await startPool({
    ...options,
    consumer: { maxDecompressedBytes: 10_000, maxBytesPerPartition: 10_000 },
  })
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  const message = expect.stringMatching(/more than 10000 bytes.*Raise that option/)
  expect(heard('partition:paused')).toMatchObject([{ offset: '1', error: { code: 'KCP_BATCH_TOO_LARGE', message } }])
  expect(heard('partition:paused')[0]?.error.message).toContain('consumer.maxDecompressedBytes = 10000')
  await until(() => pool.status().totals.finished === 1, { what: 'what was before' })
  await pool.stop()
  expect([...(await committed(groupId, topic))]).toEqual([[0, 1n]])

  const healed = await startPool({
    ...options,
    groupId,
    consumer: { maxDecompressedBytes: 30_000, maxBytesPerPartition: 10_000 },
  })
  await until(() => healed.status().totals.finished === 1, { what: 'the large batch' })
  expect(record.read().map(({ offset }) => offset)).toEqual([0, 1])
})
