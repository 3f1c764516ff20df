import { MessageChannel } from 'node:worker_threads'
import type { SlotConfig } from '#src/config/resolved.js'
import { Ledger } from '#src/protocol/ledger.js'
import type { FromThread, SlotTask, ToThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { soon } from './soon.js'

/** The main thread's end of one incarnation: the task, and what was heard on the port. */
export class MainSide {
  readonly ledger: Ledger
  readonly task: SlotTask
  readonly heard: FromThread[] = []
  closed = false
  readonly #port
  #nextRequestId = 0

  constructor(config: SlotConfig) {
    const { port1, port2 } = new MessageChannel()
    this.ledger = Ledger.create(config.concurrency)
    this.ledger.extendLease(monotonicMs() + 60_000)
    this.#port = port1
    port1.on('message', (message: FromThread) => this.heard.push(message))
    port1.on('close', () => {
      this.closed = true
    })
    this.task = {
      slot: 0,
      incarnation: 1,
      clientId: 'test-00-1-a',
      config,
      view: { brokers: [], topics: [] },
      setupTimeoutMs: 60_000,
      teardownTimeoutMs: 10_000,
      logLevel: 'info',
      ledger: this.ledger.buffer,
      port: port2,
    }
  }

  /** Assigns partitions of topic `t`, each with its number as id. */
  async assign(partitions: readonly number[], removed: readonly number[] = [], offset = 0): Promise<Page> {
    const page = Page.create(partitions.map(() => BigInt(offset)))
    const added = partitions.map((partition, index) => ({
      id: partition,
      topic: 't',
      partition,
      index,
      offset: String(offset),
      batchBytes: 0,
    }))
    await this.request({ type: 'assign', requestId: this.#nextRequestId++, page: page.buffer, added, removed })
    return page
  }

  quiesce(): Promise<void> {
    return this.request({ type: 'quiesce', requestId: this.#nextRequestId++ })
  }

  revoke(...partitionIds: readonly number[]): Promise<void> {
    return this.request({ type: 'revoke', requestId: this.#nextRequestId++, partitionIds })
  }

  async request(message: Extract<ToThread, { requestId: number }>): Promise<void> {
    this.say(message)
    await soon(`request ${message.type} is done`, () =>
      this.heard.some((heard) => heard.type === 'done' && heard.requestId === message.requestId),
    )
  }

  say(message: ToThread): void {
    this.#port.postMessage(message)
  }

  hangUp(): void {
    this.#port.close()
  }

  async ready(): Promise<Extract<FromThread, { type: 'ready' }>> {
    await soon('the thread is ready', () => this.of('ready').length === 1)
    const [ready] = this.of('ready')
    if (ready === undefined) throw new Error('unreachable')
    return ready
  }

  of<T extends FromThread['type']>(type: T): Extract<FromThread, { type: T }>[] {
    return this.heard.filter((heard): heard is Extract<FromThread, { type: T }> => heard.type === type)
  }
}
