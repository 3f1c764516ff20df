import { CompressionTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce, producerClient } from '../../support/cluster/index.js'
import { SNAPPY_MODULE, writeSnappy } from '../../support/cluster/snappy.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** A module for option `codecs.snappy` that does not survive some batches. */
const KILLING_MODULE = `data:text/javascript,${encodeURIComponent(
  `import process from 'node:process'
  export default () => ({
    decompress: async (buffer) => {
      if (buffer.includes('lethal')) process.exit(9)
      return buffer.subarray(6)
    },
  })`,
)}`

test('after three threads, before it, whichever slot gets it; what is before it and beside it is handled, and a deployment that mends it goes on', async () => {
  const topic = await createTopic({ partitions: 2 })
  const toBoth = [0, 1].map((partition) => ({ partition, value: 'plain' }))
  await produce(topic, toBoth)
  writeSnappy()
  const producer = await producerClient()
  for (const value of ['fine', 'lethal', 'fine']) {
    const messages = [1, 2].map((n) => ({ partition: 1, value: `${value} ${n}` }))
    await producer.send({ topic, compression: CompressionTypes.Snappy, messages })
  }
  await produce(topic, toBoth)
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 2, restart: { delayMs: 10, maxDelayMs: 50 } }
  // Its bytes cannot be had without decoding it, so it goes to no dead-letter topic.
  const kafka = { codecs: { snappy: KILLING_MODULE } }
  const { groupId, heard, status, pool } = await startPool({ ...options, kafka, deadLetter: true })
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  expect(heard('partition:paused')).toMatchObject([
    {
      ...{ topic, partition: 1, reason: 'poisoned', offset: '3', attempts: 3, retryInMs: null },
      error: {
        code: 'KCP_MESSAGE_POISONED',
        message: expect.stringContaining(
          `3 threads have died while the batch of ${topic}-1 from offset 3 to 4 was decoded`,
        ),
        cause: { code: 'KCP_THREAD_EXITED' },
      },
    },
  ])
  await until(async () => [...(await committed(groupId, topic)).values()].join() === '2,3', {
    ...{ what: 'what is before it, and the other partition', everyMs: 50 },
  })
  await until(() => status().slots.every(({ state }) => state === 'running'), { what: 'the last thread' })
  await produce(topic, toBoth)
  await until(async () => (await committed(groupId, topic)).get(0) === 3n, { what: 'the other one', everyMs: 50 })
  expect(heard('slot:crashed')).toHaveLength(3)
  expect([heard('slot:parked'), heard('pool:escalated'), status().state]).toEqual([[], [], 'degraded'])
  await pool.stop()

  const second = await startPool({ ...options, groupId, kafka: { codecs: { snappy: SNAPPY_MODULE } } })
  await until(async () => (await committed(groupId, topic)).get(1) === 9n, { what: 'the rest', everyMs: 50 })
  const handled = record.read().filter(({ partition }) => partition === 1)
  expect(handled.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  await until(() => second.status().state === 'running', { what: 'the pool to be well' })
})
