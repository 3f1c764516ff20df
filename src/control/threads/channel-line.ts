import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { Ledger } from '../../protocol/ledger.js'
import type { FromThread, SlotTask, ToThread } from '../../protocol/messages.js'
import type { Duty, Line, PoolWorker } from './workers.js'

/** Gives a thread a task. */
export type Give = (worker: Worker, task: SlotTask, signal: AbortSignal) => Promise<unknown>

/** The line to a thread of this process: a channel, and memory that both share. */
export class ChannelLine implements Line {
  readonly ledger: Ledger
  readonly #give: Give
  readonly #port: MessagePort
  readonly #away: MessagePort
  #hear: (message: FromThread) => void = () => {}

  constructor(concurrency: number, give: Give) {
    const { port1, port2 } = new MessageChannel()
    this.ledger = Ledger.create(concurrency)
    this.#give = give
    this.#port = port1
    this.#away = port2
  }

  begin(worker: PoolWorker, duty: Duty, signal: AbortSignal): Promise<unknown> {
    return this.#give(worker as Worker, { ...duty, ledger: this.ledger.buffer, port: this.#away }, signal)
  }

  withdraw(): void {
    this.#away.close() // closing the other end does not end a port that has messages to read
  }

  send(message: ToThread): void {
    this.#port.postMessage(message)
  }

  listen(hear: (message: FromThread) => void): void {
    this.#hear = hear
    this.#port.on('message', hear)
    this.#port.unref() // after `on`, which refs it
  }

  close(): void {
    const port = this.#port
    try {
      // What a thread posted is in the queue when it dies; the event loop may get to it only after the `exit` event.
      for (let entry = receiveMessageOnPort(port); entry !== undefined; entry = receiveMessageOnPort(port)) {
        this.#hear(entry.message)
      }
    } finally {
      port.off('message', this.#hear)
      port.close()
    }
  }
}
