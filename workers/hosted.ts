import { type MessagePort, parentPort } from 'node:worker_threads'
import { toErrorData } from '../src/protocol/error-data.js'
import type { SlotTask } from '../src/protocol/messages.js'
import type { FromHosted, HostedBoot, ToHosted } from '../src/protocol/process-messages.js'

/*
 * The thread of a child process: does for it what Piscina's does in the pool's own process.
 */

type Fill = (task: SlotTask) => Promise<unknown>

/** The entry may export a promise, as CommonJS does in the place of `await`. */
const load = async (entry: string): Promise<Fill> => {
  const { default: fill } = (await import(entry)) as { readonly default: Fill | Promise<Fill> }
  return fill
}

const begin = async (fill: Fill, { id, task }: ToHosted, post: (message: FromHosted) => void): Promise<void> => {
  try {
    const value = await fill(task)
    post({ type: 'returned', id, value })
  } catch (reason) {
    post({ type: 'rejected', id, reason: toErrorData(reason instanceof Error ? (reason.cause ?? reason) : reason) })
  }
}

const boot = async (entry: string, port: MessagePort): Promise<void> => {
  const post = (message: FromHosted): void => port.postMessage(message)
  const fill = await load(entry)
  port.on('message', (message: ToHosted) => void begin(fill, message, post))
  post({ type: 'booted' })
}

parentPort?.once('message', ({ entry, port }: HostedBoot) => void boot(entry, port))
