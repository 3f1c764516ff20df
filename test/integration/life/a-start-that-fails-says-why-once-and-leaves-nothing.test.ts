import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ConsumerPool, type ConsumerPoolOptions } from '#src/index.js'
import { committed, createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { failOnLeaks } from '../../support/leaks.js'
import { createPool, startPool, testOptions, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

let topic = ''

const held: ConsumerPool[] = []

beforeAll(async () => {
  // The clients of the test open their connections now, so that they are not taken for leaks.
  topic = await createTopic({ partitions: 2 })
  await produce(topic, [{ value: 'plain' }])
  await committed('nobody', topic)
  await describeGroup('nobody')
  // And a pino logger that writes to stdout installs a listener for the end of the process, which it keeps while it lives.
  held.push(new ConsumerPool(testOptions({ topics: [topic], handler: './handler.js' })))
})
failOnLeaks()

/** A server on a free port, and its address. */
const serve = async (server: Server): Promise<string> => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An address where nobody listens. */
const nobody = async (): Promise<string> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

const FAST = { connectionTimeout: 300, retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 100 } }

/** Starts a pool, and resolves with the only error that it gives. */
const failToStart = async (options: ConsumerPoolOptions): Promise<unknown> => {
  const made = createPool({ topics: [topic], handler: newRecord().handler, workers: 2, ...options })
  const starting = made.pool.start()
  expect(made.pool.start()).toBe(starting)
  const error = await starting.then(
    () => 'it started',
    (reason: unknown) => reason,
  )
  expect(made.pool.status().state).toBe('stopped')
  for (const name of ['slot:crashed', 'slot:parked', 'pool:escalated', 'slot:ready'] as const) {
    expect(made.heard(name)).toEqual([])
  }
  expect(made.heard('pool:stopped')).toHaveLength(1)
  expect((await describeGroup(made.groupId)).members).toEqual([])
  return error
}

test.each([
  ['where nobody listens', nobody, 'ECONNREFUSED'],
  ['of an HTTP server', () => serve(createHttpServer((_, response) => response.end('hello'))), 'HTTP'],
  ['where somebody listens and says nothing', () => serve(createServer()), 'no answer'],
])('a broker address %s is named, with the reason', async (_, listen, reason) => {
  const address = await listen()
  const beganAtMs = performance.now()
  const error = await failToStart({ kafka: { brokers: [address], ...FAST } })
  expect(error).toMatchObject({ code: 'KCP_BROKER_UNREACHABLE', message: expect.stringContaining(address) })
  expect(error).toMatchObject({ message: expect.stringContaining(reason) })
  // Three times connectionTimeout with the pauses between, and what the threads and the machine take.
  expect(performance.now() - beganAtMs).toBeLessThan(10_000)
})

test.each([
  ['is not there', 'missing', 'KCP_HANDLER_NOT_FOUND', 'missing.mjs'],
  ['throws when it is imported', 'throws', 'KCP_HANDLER_THREW_ON_IMPORT', 'no database today'],
  ['exports no function', 'nothing', 'KCP_HANDLER_NOT_A_FUNCTION', 'settings'],
  ['calls process.exit when it is imported', 'exits', 'KCP_HANDLER_THREW_ON_IMPORT', 'exit code 3'],
])('a handler module that %s is a start-up error and no crash loop', async (_, name, code, text) => {
  const beganAtMs = performance.now()
  const handler = new URL(`../../support/handlers/bad/${name}.mjs`, import.meta.url)
  const error = await failToStart({ handler })
  expect(error).toMatchObject({ name: 'PoolError', code, message: expect.stringContaining(text) })
  expect(performance.now() - beganAtMs).toBeLessThan(10_000)
})

const moduleOf = (text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'start-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'module.mjs')
  writeFileSync(file, text)
  return file
}

/** A module that no formatter would leave as it is. */
const withSyntaxError = (): string => moduleOf('export default () => {')

test.each([
  ['is not there', 'missing.mjs', 'KCP_HANDLER_NOT_FOUND'],
  ['has a syntax error', 'syntax.mjs', 'KCP_HANDLER_THREW_ON_IMPORT'],
  ['needs a package that is not installed', 'dependency.mjs', 'KCP_HANDLER_THREW_ON_IMPORT'],
  ['exports no function', 'nothing.mjs', 'KCP_HANDLER_NOT_A_FUNCTION'],
  ['does not come to the end of its import', 'hangs.mjs', 'KCP_START_TIMED_OUT'],
  ['blocks its thread while it is imported', 'blocks.mjs', 'KCP_START_TIMED_OUT'],
  ['cannot be set up', 'setup.mjs', 'KCP_HANDLER_SETUP_FAILED'],
])('a start with static ids whose handler module %s leaves no member behind', async (_, file, code) => {
  const there = new URL(`../../support/handlers/bad/${file}`, import.meta.url)
  const handler = file === 'syntax.mjs' ? withSyntaxError() : there
  const consumer = { groupInstanceId: 'node', sessionTimeout: 120_000 }
  const message = expect.stringMatching(code === 'KCP_START_TIMED_OUT' ? / 3 s\b/ : '')
  expect(await failToStart({ handler, consumer, loadTimeoutMs: 3_000 })).toMatchObject({ code, message })
})

test('a start with static ids that is stopped while a handler loads leaves no member behind', async () => {
  const handler = new URL('../../support/handlers/bad/hangs.mjs', import.meta.url)
  const consumer = { groupInstanceId: 'node', sessionTimeout: 120_000 }
  const { pool, groupId } = createPool({ topics: [topic], handler, workers: 2, consumer })
  const starting = expect(pool.start()).rejects.toMatchObject({ code: 'KCP_POOL_STOPPED' })
  await until(() => pool.status().slots.length === 2, { what: 'the slots to boot', everyMs: 5 })
  const beganAtMs = performance.now()
  await pool.stop()
  expect(performance.now() - beganAtMs).toBeLessThan(5_000)
  await starting
  expect((await describeGroup(groupId)).members).toEqual([])
})

test('a start with static ids that is stopped when a seat of it has joined leaves no member behind', async () => {
  const consumer = { groupInstanceId: 'node', sessionTimeout: 120_000 }
  const { pool, groupId } = createPool({ topics: [topic], handler: newRecord().handler, workers: 2, consumer })
  pool.once('group:joined', () => void pool.stop())
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_POOL_STOPPED' })
  expect((await describeGroup(groupId)).members).toEqual([])
})

test('a pool whose handler cannot be loaded does not disturb the group that it would have joined', async () => {
  const there = await startPool({ topics: [topic], handler: newRecord().handler, workers: 1 })
  const before = await untilStable(there.groupId, 1)
  const handler = new URL('../../support/handlers/bad/missing.mjs', import.meta.url)
  const failing = createPool({ groupId: there.groupId, topics: [topic], handler, workers: 2 })
  await expect(failing.pool.start()).rejects.toMatchObject({ code: 'KCP_HANDLER_NOT_FOUND' })
  expect(await untilStable(there.groupId, 1)).toEqual(before)
  expect(there.heard('group:joined')).toHaveLength(1)
  await there.pool.stop()
})

test('an assignor that fails whenever the pool leads the group is a start-up error, and nobody waits for it', async () => {
  const assignor = moduleOf(`export const name = 'mine', assign = () => { throw new Error('no idea') }`)
  const error = await failToStart({ assignors: [assignor] })
  expect(error).toMatchObject({ code: 'KCP_MODULE_NOT_USABLE', message: expect.stringContaining('no idea') })
})

test('a configuration with faults is refused by the constructor, all faults at once', () => {
  const options = {
    ...testOptions({ topics: ['a'], handler: './handler.js' }),
    kafka: { brokers: ['no-port'], clientId: 'with blank', requestTimeOut: 1 },
    consumer: { groupInstanceId: '', 'session.timeout.ms': 1_000, heartbeatInterval: 900 },
    maxProcessingMs: -1,
  } as unknown as ConsumerPoolOptions
  let thrown: unknown
  try {
    new ConsumerPool(options)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ name: 'PoolError', code: 'KCP_CONFIG_INVALID' })
  const { message } = thrown as Error
  for (const part of [
    ...['kafka.brokers', 'kafka.clientId', 'requestTimeout', 'consumer.groupId', 'consumer.groupInstanceId'],
    ...['heartbeatInterval (900 ms)', 'maxProcessingMs'],
  ]) {
    expect(message).toContain(part)
  }
})
