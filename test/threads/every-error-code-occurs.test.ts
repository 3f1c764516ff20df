import { createRequire } from 'node:module'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { resolveConfig } from '#src/config/resolve.js'
import type { SlotConfig } from '#src/config/resolved.js'
import { checkTopics } from '#src/control/membership/topic-check.js'
import { findOffset } from '#src/control/steering/find-offset.js'
import { Escalation } from '#src/control/supervision/escalation.js'
import { graceMs, HungHandlers } from '#src/control/supervision/hung-handlers.js'
import type { ThreadReport } from '#src/control/threads/incarnation.js'
import type { Handler } from '#src/data/handler.js'
import { loadHandler } from '#src/data/handling/handler-loader.js'
import { Runtime } from '#src/data/runtime.js'
import { ConsumerPool, ErrorCode, PoolError } from '#src/index.js'
import type { DataClient } from '#src/kafka/client.js'
import { KafkaCode } from '#src/kafka/error-codes.js'
import { loadVerified } from '#src/kafka/kafkajs/kafkajs.js'
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { decodeRecordSet } from '#src/kafka/records/record-set.js'
import { monotonicMs } from '#src/util/clock.js'
import { slotConfig } from '../support/config/slot-config.js'
import { kafkaError } from '../support/control/fake-client.js'
import { slotBench } from '../support/control/slot-bench.js'
import { DispatcherBench } from '../support/data/dispatcher-bench.js'
import { FakeCluster } from '../support/data/fake-cluster.js'
import { MainSide } from '../support/data/main-side.js'
import { threadConfig } from '../support/data/thread-config.js'
import { encodeBatch } from '../support/kafka/record-encoder.js'
import { Api, clientOf, encoder, MODERN, startStub } from '../support/kafka/stub-broker.js'
import { provoke, provokeBlocked, run, startThreads } from '../support/threads/start.js'
import { startIncarnation } from '../support/threads/start-incarnation.js'

/*
 * What users may meet has to be something that they can meet: for every code a scenario that ends in it, by the calls
 * that a pool makes itself. None of them makes the error by hand.
 */

const log = pino({ level: 'silent' })
const module = (file: string): string => new URL(`../support/handlers/${file}`, import.meta.url).href
const OPTIONS = {
  logger: { level: 'silent' },
  kafka: { brokers: ['127.0.0.1:1'] },
  consumer: { groupId: 'group' },
  ...{ topics: ['orders'], handler: module('record.mjs'), workers: 1 },
}

const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  )

/** Connects to a broker that offers what a modern one does, but for this range of versions of Fetch. */
const connecting = async (minVersion: number, maxVersion: number): Promise<unknown> => {
  const ranges = Object.entries({ ...MODERN, [Api.fetch]: maxVersion }).map(([key, max]) =>
    encoder()
      .writeInt16(Number(key))
      .writeInt16(Number(key) === Api.fetch ? minVersion : 0)
      .writeInt16(max),
  )
  const offer = encoder().writeInt16(0).writeArray(ranges).writeInt32(0)
  const { address } = await startStub(({ apiKey }) => (apiKey === Api.apiVersions ? offer : undefined))
  return thrown(clientOf([address]).connect())
}

const RECORDS = [{ offsetDelta: 0, value: Buffer.alloc(5_000) }]

const decoding = async (set: Buffer): Promise<unknown> => {
  const place = { topic: 't', partition: 0, fetchOffset: 0 }
  const limits = { maxBytes: 1 << 20, maxDecompressedBytes: 1_000 }
  const codecs = await loadCodecs({})
  return (await decodeRecordSet(set, { ...place, ...limits, aborted: [], codecs })).undecodable
}

const damaged = (set: Buffer): Buffer => {
  set[set.length - 1] = 0xff - (set.at(-1) ?? 0)
  return set
}

const ending = async (how: string): Promise<unknown> => {
  const threads = startThreads({ resourceLimits: { maxOldGenerationSizeMb: 32 } })
  return (await (await provoke(threads, how)).exited).error
}

/** What the start of a slot fails with whose seat meets this error whenever it joins. */
const joining = async (code: number): Promise<unknown> => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const bench = slotBench()
  const booting = bench.slot.boot()
  const [seat] = bench.seats
  if (seat === undefined) throw new Error('the slot has no seat')
  seat.onJoin = [() => Promise.reject(kafkaError(code))]
  bench.threads.last.boot()
  await booting
  const error = thrown(bench.slot.join())
  await vi.advanceTimersByTimeAsync(60_000)
  vi.useRealTimers()
  await bench.slot.stop(monotonicMs(), false)
  return error
}

/** A slot that holds partitions 0 and 1 of `orders`. */
const running = async (more: Partial<SlotConfig> = {}) => {
  const bench = slotBench({ config: slotConfig(more) })
  const starting = bench.slot.boot().then(() => bench.slot.join())
  bench.threads.last.boot()
  await starting
  onTestFinished(async () => void (await bench.slot.stop(monotonicMs(), false)))
  return bench
}

const errorOf = (event: unknown): unknown => (event as { readonly error?: unknown } | undefined)?.error

const MESSAGE_FAILS: Handler = () => {
  throw new Error('no')
}

/** A slot with a dead-letter topic, and a thread that gives up a message at each of these offsets. */
const givingUp = async (offsets: readonly number[]) => {
  const deadLetter = { topic: '{topic}.dlq', partition: 'any', breaker: 1, resumeAfterMs: null } as const
  const bench = await running({ deadLetter })
  const inThread = new DispatcherBench(MESSAGE_FAILS, { deadLetter })
  const [partition] = inThread.assign({ partition: 0 })
  if (partition === undefined) throw new Error('unreachable')
  inThread.feed(partition, offsets)
  /** What the thread says from now on reaches the slot, until it waits for main. */
  const untilItWaits = async (): Promise<void> => {
    await vi.waitUntil(() => partition.handling === 'dead-lettering')
    for (const message of inThread.posted.splice(0)) bench.threads.last.say(message as ThreadReport)
  }
  return { bench, untilItWaits, goesOn: () => inThread.turns.deadLettered(partition, true) }
}

const SCENARIOS: Readonly<Record<ErrorCode, () => Promise<unknown>>> = {
  KCP_CONFIG_INVALID: async () => thrown((async () => new ConsumerPool({}))()),
  KCP_ADMIN_NOT_LISTENING: async () => {
    const taken = await startStub()
    const pool = new ConsumerPool({ ...OPTIONS, admin: { port: Number(taken.address.split(':')[1]) } })
    return thrown(pool.start())
  },
  KCP_BROKER_UNREACHABLE: async () => {
    const stub = await startStub()
    await stub.stop()
    return thrown(clientOf([stub.address]).connect())
  },
  KCP_BROKER_TOO_OLD: () => connecting(0, 3),
  KCP_BROKER_TOO_NEW: () => connecting(90, 99),
  KCP_BROKER_REFUSED: () => {
    const forbidden = { topic: 'orders', error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] }
    return thrown(checkTopics([slotConfig()], async () => [forbidden]))
  },
  KCP_TOPIC_MISSING: () => {
    const misnamed = { topic: 'orders', error: 'INVALID_TOPIC_EXCEPTION', partitions: [] }
    return thrown(checkTopics([slotConfig()], async () => [misnamed]))
  },
  KCP_NOT_SUBSCRIBED: () => thrown(new ConsumerPool(OPTIONS).pause('nowhere')),
  KCP_PARTITION_NOT_HELD: () => thrown(new ConsumerPool(OPTIONS).seek('orders', 0, 'end')),
  KCP_OFFSET_OUT_OF_RANGE: () => {
    const listOffsets = async () => [{ topic: 'orders', partition: 0, offset: 7n }]
    return thrown(findOffset({ listOffsets }, { topic: 'orders', partition: 0 }, { offset: 8n }, true))
  },
  KCP_SESSION_TIMEOUT_REFUSED: () => joining(KafkaCode.invalidSessionTimeout),
  KCP_PROTOCOL_REFUSED: () => joining(KafkaCode.inconsistentGroupProtocol),
  KCP_INSTANCE_FENCED: () => joining(KafkaCode.fencedInstanceId),
  KCP_HANDLER_NOT_FOUND: () => thrown(loadHandler(module('bad/nowhere.mjs'))),
  KCP_HANDLER_THREW_ON_IMPORT: () => thrown(loadHandler(module('bad/throws.mjs'))),
  KCP_HANDLER_NOT_A_FUNCTION: () => thrown(loadHandler(module('bad/nothing.mjs'))),
  KCP_HANDLER_SETUP_FAILED: async () => {
    const main = new MainSide(threadConfig())
    const setup = () => Promise.reject(new Error('no database today'))
    const runtime = new Runtime(main.task, {
      loadHandler: async () => ({ handler: () => {}, setup }),
      createClient: () => new FakeCluster(1).client(),
      effectiveConfig: () => ({}),
      giveWay: () => {},
    })
    const error = await thrown(runtime.run())
    main.hangUp()
    return error
  },
  KCP_MODULE_NOT_USABLE: () => thrown(loadCodecs({ snappy: 'no-such-package' })),
  KCP_CODEC_MISSING: () => decoding(encodeBatch({ baseOffset: 0, codec: 2, records: RECORDS })),
  KCP_BATCH_UNDECODABLE: () => decoding(damaged(encodeBatch({ baseOffset: 0, records: RECORDS }))),
  KCP_BATCH_TOO_LARGE: () => decoding(encodeBatch({ baseOffset: 0, codec: 1, records: RECORDS })),
  KCP_HANDLER_EXHAUSTED: async () => {
    const bench = await running()
    const inThread = new DispatcherBench(MESSAGE_FAILS)
    const [partition] = inThread.assign({ partition: 0 })
    if (partition !== undefined) inThread.feed(partition, [0])
    await vi.waitUntil(() => partition?.handling === 'paused')
    for (const message of inThread.posted) bench.threads.last.say(message as ThreadReport)
    return errorOf(bench.heard('partition:paused')[0])
  },
  KCP_DEAD_LETTER_NOT_STORED: async () => {
    const { bench, untilItWaits } = await givingUp([0])
    await untilItWaits()
    bench.store.fail(kafkaError(KafkaCode.topicAuthorizationFailed, 'TOPIC_AUTHORIZATION_FAILED'))
    await vi.waitUntil(() => bench.heard('partition:paused').length > 0)
    return errorOf(bench.heard('partition:paused')[0])
  },
  KCP_DEAD_LETTER_BREAKER: async () => {
    const { bench, untilItWaits, goesOn } = await givingUp([0, 1])
    await untilItWaits()
    bench.store.succeed()
    await vi.waitUntil(() => bench.heard('message:dead-lettered').length > 0)
    goesOn()
    await untilItWaits()
    return errorOf(bench.heard('partition:paused')[0])
  },
  KCP_MESSAGE_POISONED: async () => {
    const bench = await running({ convictAfter: 1 })
    bench.threads.last.ledger.begin(0, 0, 0, 1, monotonicMs())
    bench.threads.last.crash()
    await vi.waitUntil(() => bench.heard('partition:paused').length > 0)
    return errorOf(bench.heard('partition:paused')[0])
  },
  KCP_HANDLER_HUNG: async () => {
    const bench = await running()
    const { maxProcessingMs } = bench.slot.config
    const beganMs = monotonicMs()
    bench.threads.last.ledger.begin(0, 0, 0, 1, beganMs)
    const hung = new HungHandlers({ slots: [bench.slot], log })
    const dueMs = beganMs + maxProcessingMs + graceMs(maxProcessingMs)
    for (let atMs = beganMs; atMs <= dueMs + 1_000; atMs += 1_000) hung.look(atMs)
    hung.close()
    await vi.waitUntil(() => bench.heard('slot:crashed').length > 0)
    return errorOf(bench.heard('slot:crashed')[0])
  },
  KCP_THREAD_NOT_STARTED: async () => {
    const workerThreads: { Worker: unknown } = createRequire(import.meta.url)('node:worker_threads')
    const { Worker } = workerThreads
    onTestFinished(() => {
      workerThreads.Worker = Worker
    })
    workerThreads.Worker = class {
      constructor() {
        throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' })
      }
    }
    return (await run(startThreads()).exited).error
  },
  KCP_THREAD_CRASHED: () => ending('throws'),
  KCP_THREAD_EXITED: () => ending('exits'),
  KCP_THREAD_OUT_OF_MEMORY: () => ending('leaks'),
  KCP_THREAD_LOST: async () => {
    const thread = await provokeBlocked(startThreads({ terminateTimeoutMs: 300 }))
    const { error } = await thread.end(new PoolError(ErrorCode.handlerHung, 'the test ends it'))
    await thread.freed
    return error
  },
  KCP_START_TIMED_OUT: async () => (await startIncarnation(module('bad/hangs.mjs')).exited).error,
  KCP_NOT_SCALED: () => thrown(new ConsumerPool(OPTIONS).scale(2)),
  KCP_POOL_ESCALATED: async () => {
    const escalation = new Escalation(resolveConfig(OPTIONS).pool.restart)
    return escalation.judge({ slots: 1, parked: 0, lostThreads: 0, outlooks: ['stuck'], nowMs: 0 })
  },
  KCP_POOL_STOPPED: async () => {
    const pool = new ConsumerPool(OPTIONS)
    await pool.stop()
    return thrown(pool.start())
  },
  KCP_KAFKAJS_MISMATCH: async () => thrown((async () => loadVerified(() => ({ version: '2.2.3' })))()),
  KCP_INTERNAL: async () => {
    const client: DataClient = { ...new FakeCluster(1).client(), fetch: async () => [null as never] }
    const main = new MainSide(threadConfig())
    const runtime = new Runtime(main.task, {
      loadHandler: async () => ({ handler: () => {} }),
      createClient: () => client,
      effectiveConfig: () => ({}),
      giveWay: () => {},
    })
    const error = thrown(runtime.run())
    await main.assign([0])
    await error
    main.hangUp()
    return error
  },
}

test('there is a scenario for every code, and for no other', () => {
  expect(Object.keys(SCENARIOS).sort()).toEqual(Object.values(ErrorCode).sort())
})

test.each(Object.entries(SCENARIOS))('%s occurs', async (code, provoked) => {
  const error = await provoked()
  expect(error).toBeInstanceOf(PoolError)
  expect(error).toMatchObject({ code })
})
