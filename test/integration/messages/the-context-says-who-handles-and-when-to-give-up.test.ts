import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { type Hearing, listen } from '../../support/pool/hearing.js'
import { startPool } from '../../support/pool/pool.js'

interface Said {
  readonly did: 'facts' | 'begin' | 'aborted' | 'cancelled' | 'plain'
  readonly partition: number
  readonly offset: string
  readonly clientId: string
  readonly facts?: object
  readonly name?: string
  readonly code?: string
  readonly message?: string
}

const did = (what: Said['did']) => (said: Said) => said.did === what

/** A topic with one message in each partition, and a pool that handles it. */
const begin = async (value: string, partitions: number, more: Parameters<typeof startPool>[0] = {}) => {
  const topic = await createTopic({ partitions })
  const hearing: Hearing<Said> = listen()
  const options = { topics: [topic], handler: hearing.handler('tell'), workers: 1, concurrency: partitions, ...more }
  const observed = await startPool(options)
  await produce(
    topic,
    Array.from({ length: partitions }, (_, partition) => ({ partition, value })),
  )
  return { topic, hearing, options, ...observed }
}

test('the context names slot, incarnation, client id and attempt, and its log lines come out of the pool’s logger', async () => {
  const { logger, lines } = collectLines()
  const retry = { initialDelayMs: 10 }
  const { pool, topic, hearing } = await begin('facts', 1, { logger, retry })
  await hearing.until('two attempts', did('facts'), 2)
  const { clientId } = pool.status().slots[0] ?? {}
  expect(clientId).toMatch(/^pool-00-/)
  expect(hearing.heard.map(({ facts }) => facts)).toEqual(
    [1, 2].map((attempt) => ({ slot: 0, incarnation: 1, clientId, attempt })),
  )
  const said = await until(() => lines.filter(({ msg }) => msg === 'said by the handler').length === 2 && lines, {
    what: 'the lines of the handler',
  })
  const line = said.find(({ msg }) => msg === 'said by the handler')
  expect(line).toMatchObject({ level: 30, slot: 0, incarnation: 1, topic, partition: 0, offset: '0', more: 1 })
})

/** Handlers are told to give up 200 ms before that is over. */
const drainTimeoutMs = 1_000

test('signal is aborted when the time is nearly over in which the pool stops', async () => {
  const { pool, topic, groupId, hearing, heard } = await begin('signal', 1, { drainTimeoutMs })
  await hearing.until('the handler to begin', did('begin'))
  await pool.stop()
  expect(await hearing.until('the abort', did('aborted'))).toMatchObject({ name: 'AbortError', code: 'STOPPING' })
  const [stopped] = heard('pool:stopped')
  expect(stopped).toMatchObject({ drained: true })
  expect(stopped?.afterMs).toBeGreaterThan(700)
  // It came back, and whether it did its work is its own business: it counts as finished.
  expect(await committed(groupId, topic)).toEqual(new Map([[0, 1n]]))
})

test('a handler that throws because of the abort has not finished its message, and the stop has not drained', async () => {
  const { pool, topic, groupId, hearing, heard } = await begin('give-up', 1, { drainTimeoutMs })
  await hearing.until('the handler to begin', did('begin'))
  await pool.stop()
  expect(heard('pool:stopped')).toMatchObject([{ drained: false }])
  expect(heard('message:failed')).toEqual([])
  expect((await committed(groupId, topic)).get(0) ?? 0n).toBe(0n)
})

test('cancelled turns true for a synchronous loop when the time is nearly over in which the pool stops', async () => {
  const { pool, topic, groupId, hearing, heard } = await begin('poll', 1, { drainTimeoutMs })
  await hearing.until('the handler to begin', did('begin'))
  await pool.stop()
  expect(hearing.heard.map(({ did: what }) => what)).toEqual(['begin', 'cancelled'])
  expect(heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect(await committed(groupId, topic)).toEqual(new Map([[0, 1n]]))
})

test('signal is aborted when the handler has run for maxProcessingMs, and a handler that then comes back is left alive', async () => {
  const { pool, hearing, heard } = await begin('signal', 1, { maxProcessingMs: 1_000 })
  const aborted = await hearing.until('the abort', did('aborted'))
  expect(aborted).toMatchObject({ code: 'DEADLINE', message: expect.stringContaining('1000 ms') })
  await until(() => pool.status().totals.finished === 1, { what: 'the message to be finished' })
  expect(heard('slot:crashed')).toEqual([])
})

test('signal is aborted when a second pool takes the partition, whose handler gets the message again', async () => {
  const { options, topic, groupId, pool, hearing } = await begin('signal', 2, { drainTimeoutMs })
  const first = await hearing.until('both handlers to begin', did('begin'), 2)
  // Whoever has to give the partition up waits a while for the handler, and then goes on without it.
  const second = await startPool({ ...options, groupId })
  const aborted = await hearing.until('the abort', did('aborted'))
  expect(aborted).toMatchObject({ clientId: first.clientId, code: 'REVOKED' })
  const again = await hearing.until('the message to come again', did('begin'), 3)
  expect(again).toMatchObject({ partition: aborted.partition, offset: '0' })
  expect(again.clientId).toBe(second.status().slots[0]?.clientId)
  expect(pool.status().totals.finished).toBe(0)
  await Promise.all([pool.stop(), second.pool.stop()])
  expect((await committed(groupId, topic)).size).toBe(2)
})

test.each([
  'roundrobin',
  fileURLToPath(new URL('../../support/assignors/first.mjs', import.meta.url)),
])('cancelled turns true for a synchronous loop when a second pool takes the partition (%s)', async (assignor) => {
  const more = { workers: 2, drainTimeoutMs, assignors: [assignor] }
  const { options, groupId, pool, hearing } = await begin('poll', 1, more)
  const { clientId } = await hearing.until('the handler to begin', did('begin'))
  // With one partition and members in the order of their ids, the pool that sorts first has it.
  const second = await startPool({ ...options, groupId, kafka: { clientId: 'a-pool' } })
  const cancelled = await hearing.until('the loop to be cancelled', did('cancelled'))
  expect(cancelled.clientId).toBe(clientId)
  const again = await hearing.until('the message to come again', did('begin'), 2)
  expect(again.clientId).toMatch(/^a-pool-/)
  expect(pool.status().totals).toMatchObject({ finished: 0, restarts: 0 })
  await second.pool.stop()
})
