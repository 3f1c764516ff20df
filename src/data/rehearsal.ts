import { MessageChannel } from 'node:worker_threads'
import type { SlotConfig } from '../config/resolved.js'
import { createClient } from '../kafka/create-client.js'
import { stage } from '../kafka/stage.js'
import { Ledger } from '../protocol/ledger.js'
import type { SlotTask, ToThread } from '../protocol/messages.js'
import { Page } from '../protocol/page.js'
import { monotonicMs } from '../util/clock.js'
import { after } from '../util/timers.js'
import { Runtime } from './runtime.js'

/** V8 compiles the decoder of batches and the loop over messages after some hundred kilobytes. */
const FETCHES = 24
const BROKER = { nodeId: 0, host: '127.0.0.1', port: 9092 }
const LONG_MS = 60_000
/** A rehearsal that does not come to its end is broken off. */
const LIMIT_MS = 2_000

/**
 * Plays a whole incarnation to an empty house: connects to a broker in memory, takes up a partition, fetches and
 * "handles" a few batches. Node and kafkajs load much only when it is first used, and V8 compiles what is run often; a
 * spare has time for all that, a replacement has not.
 *
 * @param config a slot's, with neither TLS nor SASL
 * @param signal aborted when there is no more time
 * @returns how many messages were handled
 */
export const rehearse = async (config: SlotConfig, signal: AbortSignal): Promise<number> => {
  const [topic = ''] = config.topics
  const { messages, openSocket } = stage(topic, FETCHES)
  const { port1: main, port2: port } = new MessageChannel()
  const ledger = Ledger.create(config.concurrency)
  ledger.extendLease(monotonicMs() + LONG_MS)
  const topics = [{ topic, error: null, partitions: [{ partition: 0, leader: BROKER.nodeId }] }]
  const task: SlotTask = {
    slot: config.slot,
    incarnation: 0,
    clientId: config.kafka.clientId,
    config,
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
    added: [{ id: 0, topic, partition: 0, index: 0, offset: '0', batchBytes: 0 }],
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
