import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

const RETRY = { attempts: 3, initialDelayMs: 100, maxDelayMs: 400 }

const outcomes = (record: TestRecord, partition: number) =>
  record
    .read()
    .filter((handling) => handling.partition === partition)
    .map(({ offset, attempt, outcome }) => [offset, attempt, outcome])

const finished = (record: TestRecord, partition: number): number =>
  record.read().filter((handling) => handling.partition === partition && handling.outcome === 'finished').length

const startOne = async (values: readonly (readonly string[])[], more: Parameters<typeof startPool>[0] = {}) => {
  const topic = await createTopic({ partitions: values.length })
  const messages = values.flatMap((list, partition) => list.map((value) => ({ partition, value })))
  await produce(topic, messages)
  const record = newRecord()
  const observed = await startPool({
    topics: [topic],
    handler: record.handler,
    workers: 1,
    retry: RETRY,
    ...more,
  })
  return { topic, record, ...observed }
}

const untilCommitted = (groupId: string, topic: string, offsets: readonly (readonly [number, bigint])[]) =>
  until(
    async () => {
      const known = await committed(groupId, topic)
      return offsets.every(([partition, offset]) => known.get(partition) === offset)
    },
    { what: `the offsets ${offsets.join(' ')} to be committed`, everyMs: 100 },
  )

test('a message that fails twice is tried a third time, while only its partition waits', async () => {
  const { topic, record, pool, groupId, heard } = await startOne([
    ['flaky:2', 'plain', 'plain'],
    Array.from({ length: 20 }, () => 'plain'),
  ])
  await until(() => finished(record, 0) === 3 && finished(record, 1) === 20, { what: 'every message' })
  expect(outcomes(record, 0)).toEqual([
    [0, 1, 'failed'],
    [0, 2, 'failed'],
    [0, 3, 'finished'],
    [1, 1, 'finished'],
    [2, 1, 'finished'],
  ])
  const [first, second, third] = record.read().filter(({ partition }) => partition === 0)
  // 100 and 200 ms, ± 20 %.
  expect((second?.startMs ?? 0) - (first?.endMs ?? 0)).toBeGreaterThanOrEqual(79)
  expect((third?.startMs ?? 0) - (second?.endMs ?? 0)).toBeGreaterThanOrEqual(159)
  const others = record.read().filter(({ partition }) => partition === 1)
  for (const { endMs } of others) expect(endMs ?? 0).toBeLessThan(third?.startMs ?? 0)

  expect(heard('message:failed')).toMatchObject([
    {
      topic,
      partition: 0,
      offset: '0',
      attempt: 1,
      outcome: 'retry',
      error: { message: expect.stringContaining('flaky') },
    },
    { topic, partition: 0, offset: '0', attempt: 2, outcome: 'retry' },
  ])
  expect(pool.status().totals).toMatchObject({ finished: 23, retried: 2, failed: 0 })
  expect(pool.status().state).toBe('running')
  await untilCommitted(groupId, topic, [
    [0, 3n],
    [1, 20n],
  ])
})

const expectPaused = async (
  { pool, groupId, heard, topic, record }: TestPool & { topic: string; record: TestRecord },
  attempts: number,
  message: string,
) => {
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  await until(() => finished(record, 1) === 20, { what: 'the other partition' })
  expect(heard('partition:paused')).toMatchObject([
    {
      ...{ topic, partition: 0, offset: '1', attempts, retries: 0 },
      error: { code: 'KCP_HANDLER_EXHAUSTED', cause: { message: expect.stringContaining(message) } },
    },
  ])
  expect(outcomes(record, 0)).toEqual([
    [0, 1, 'finished'],
    ...Array.from({ length: attempts }, (_, n) => [1, n + 1, 'failed']),
  ])
  const status = pool.status()
  expect(status.state).toBe('degraded')
  expect(status.totals).toMatchObject({ finished: 21, failed: 1, retried: attempts - 1, restarts: 0 })
  expect(status.slots[0]?.assignment).toMatchObject([
    { partition: 0, finishedUpTo: '1', paused: { offset: '1', error: { message: expect.stringContaining(message) } } },
    { partition: 1, finishedUpTo: '20', paused: null },
  ])
  await untilCommitted(groupId, topic, [
    [0, 1n],
    [1, 20n],
  ])
  // Until the message is tried again nothing behind it is touched, and the others go on.
  await produce(
    topic,
    [0, 1].map((partition) => ({ partition, value: 'plain' })),
  )
  await until(() => finished(record, 1) === 21, { what: 'a later message of the other partition' })
  await pool.stop()
  expect(await committed(groupId, topic)).toEqual(
    new Map([
      [0, 1n],
      [1, 21n],
    ]),
  )
  expect(outcomes(record, 0)).toHaveLength(attempts + 1)
}

test('a message whose attempts are exhausted stops its partition, visibly, and the others go on', async () => {
  const plain = Array.from({ length: 20 }, () => 'plain')
  await expectPaused(await startOne([['plain', 'throw', 'plain'], plain]), 3, 'the message said: throw')
})

test('a rejected promise is exhausted like a thrown error', async () => {
  const plain = Array.from({ length: 20 }, () => 'plain')
  await expectPaused(await startOne([['plain', 'reject', 'plain'], plain]), 3, 'the message said: reject')
})

test('a NonRetriableError skips the attempts that are left', async () => {
  const plain = Array.from({ length: 20 }, () => 'plain')
  await expectPaused(await startOne([['plain', 'final', 'plain'], plain]), 1, 'the message said: final')
})

test('with onExhausted: skip, whatever is thrown is logged and passed over', async () => {
  const odd = ['throw', 'null', 'undefined', 'text', 'hostile', 'final']
  const { logger, lines } = collectLines()
  const { topic, record, pool, groupId, heard } = await startOne([[...odd, 'plain']], {
    retry: { attempts: 2, initialDelayMs: 10, maxDelayMs: 10 },
    onExhausted: 'skip',
    logger,
  })
  await until(() => finished(record, 0) === 1, { what: 'the message behind the failing ones' })
  expect(outcomes(record, 0)).toEqual([
    ...odd.flatMap((deed, offset) => (deed === 'final' ? [1] : [1, 2]).map((attempt) => [offset, attempt, 'failed'])),
    [odd.length, 1, 'finished'],
  ])
  const skipped = heard('message:failed').filter(({ outcome }) => outcome === 'skipped')
  expect(skipped.map(({ offset, error }) => [offset, error.message])).toEqual([
    ['0', 'the message said: throw'],
    ['1', 'null was thrown'],
    ['2', 'undefined was thrown'],
    ['3', "'the message said: text' was thrown"],
    ['4', ''],
    ['5', 'the message said: final'],
  ])
  await untilCommitted(groupId, topic, [[0, 7n]])
  // Those that are passed over count as finished, and as failed.
  expect(pool.status().totals).toMatchObject({ failed: 6, retried: 5, restarts: 0, lag: '0' })
  expect(pool.status().state).toBe('running')
  const errors = lines.filter(({ level, offset }) => level === 50 && offset !== undefined)
  expect(errors.map(({ slot, topic: name, partition, offset }) => [slot, name, partition, offset])).toEqual(
    odd.map((_, offset) => [0, topic, 0, String(offset)]),
  )
})

test('a message is exhausted in its thread although the pauses between its attempts are as long as maxProcessingMs', async () => {
  const { record, pool, heard } = await startOne([['throw', 'plain']], {
    retry: { attempts: 6, initialDelayMs: 1_000, maxDelayMs: 1_000 },
    maxProcessingMs: 1_000,
  })
  await until(() => heard('partition:paused').length > 0, { what: 'the message to be exhausted' })
  expect(outcomes(record, 0)).toEqual([1, 2, 3, 4, 5, 6].map((attempt) => [0, attempt, 'failed']))
  expect(heard('slot:crashed')).toEqual([])
  expect(heard('slot:stalled')).toEqual([])
  expect(pool.status().slots).toMatchObject([{ incarnation: 1, stalled: false }])
})
