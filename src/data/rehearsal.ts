import { MessageChannel } from 'node:worker_threads'
import type { SlotConfig } from '../config/resolved.js'
import { createClient } from '../kafka/create-client.js'
import { stage } from '../kafka/stage.js'
import { Ledger, Page } from '../protocol/ledger.js'
import type { SlotTask, ToThread } from '../protocol/messages.js'
import { monotonicMs } from '../util/clock.js'
import { after } from '../util/timers.js'
import { Runtime } from './runtime.js'

const TOPIC = 'rehearsal'
const FETCHES = 4
const BROKER = { nodeId: 0, host: '127.0.0.1', port: 9092 }
const LONG_MS = 60_000
/** A rehearsal that does not come to its end is broken off. */
const LIMIT_MS = 2_000

const CONFIG: SlotConfig = {
  slot: 0,
  subscription: 0,
  topics: [TOPIC],
  handler: '',
  fromBeginning: true,
  assignors: [],
  concurrency: 1,
  retry: { attempts: 1, initialDelayMs: 1, maxDelayMs: 1, initialPauseMs: 1, maxPauseMs: 1 },
  onExhausted: 'skip',
  maxProcessingMs: LONG_MS,
  kafka: {
    brokers: [`${BROKER.host}:${BROKER.port}`],
    clientId: TOPIC,
    ssl: null,
    sasl: null,
    connectionTimeout: LONG_MS,
    authenticationTimeout: LONG_MS,
    reauthenticationThreshold: LONG_MS,
    requestTimeout: LONG_MS,
    retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 },
    codecs: {},
  },
  consumer: {
    groupId: TOPIC,
    groupInstanceId: null,
    sessionTimeout: LONG_MS,
    heartbeatInterval: LONG_MS,
    rebalanceTimeout: LONG_MS,
    maxBytes: 1_000_000,
    maxBytesPerPartition: 1_000_000,
    maxDecompressedBytes: 1_000_000,
    minBytes: 1,
    maxWaitTimeInMs: 1_000,
    metadataMaxAge: LONG_MS,
    readUncommitted: false,
    rackId: null,
  },
}

/**
 * Plays a whole incarnation to an empty house: connects to a broker in memory, takes up a partition, fetches and
 * "handles" a few batches. Node and kafkajs load much only when it is first used, and V8 compiles what is run often; a
 * spare has time for all that, a replacement has not.
 *
 * @param signal aborted when there is no more time
 * @returns how many messages were handled
 */
export const rehearse = async (signal: AbortSignal): Promise<number> => {
  const { messages, openSocket } = stage(TOPIC, FETCHES)
  const { port1: main, port2: port } = new MessageChannel()
  const ledger = Ledger.create(CONFIG.concurrency)
  ledger.extendLease(monotonicMs() + LONG_MS)
  const topics = [{ topic: TOPIC, error: null, partitions: [{ partition: 0, leader: BROKER.nodeId }] }]
  const task: SlotTask = {
    slot: CONFIG.slot,
    incarnation: 0,
    clientId: TOPIC,
    config: CONFIG,
    view: { brokers: [BROKER], topics },
    setupTimeoutMs: LONG_MS,
    teardownTimeoutMs: LONG_MS,
    logLevel: 'silent',
    ledger: ledger.buffer,
    port,
  }
  let handled = 0
  const end = () => main.close()
  const runtime = new Runtime(task, {
    loadHandler: async () => ({
      handler: () => {
        handled += 1
        if (handled === messages) end()
      },
    }),
    createClient: (options) => createClient({ ...options, openSocket }),
    effectiveConfig: () => ({}),
    giveWay: () => {},
  })
  const assignment: ToThread = {
    type: 'assign',
    requestId: 0,
    page: Page.create([0n]).buffer,
    added: [{ id: 0, topic: TOPIC, partition: 0, index: 0, offset: '0', batchBytes: 0 }],
    removed: [],
  }
  main.postMessage(assignment)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  const limit = after(end, LIMIT_MS)
  await runtime.run()
  clearTimeout(limit)
  return handled
}
