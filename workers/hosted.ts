import { parentPort } from 'node:worker_threads'
import { toErrorData } from '../src/protocol/error-data.js'
import type { SlotTask } from '../src/protocol/messages.js'
import type { FromHosted, ToHosted } from '../src/protocol/process-messages.js'

/*
 * The thread of a child process: does for it what Piscina's does in the pool's own process.
 */

type Fill = (task: SlotTask) => Promise<unknown>

const post = (message: FromHosted): void => parentPort?.postMessage(message)

let filling: Promise<Fill> | null = null

/** The entry may export a promise, as CommonJS does in the place of `await`. */
const load = async (entry: string): Promise<Fill> => {
  const { default: fill } = (await import(entry)) as { readonly default: Fill | Promise<Fill> }
  return fill
}

const boot = async (entry: string): Promise<void> => {
  filling = load(entry)
  await filling
  post({ type: 'booted' })
}

const begin = async ({ id, task }: Extract<ToHosted, { type: 'task' }>): Promise<void> => {
  try {
    const value = await (await filling)?.(task)
    post({ type: 'returned', id, value })
  } catch (reason) {
    post({ type: 'rejected', id, reason: toErrorData(reason instanceof Error ? (reason.cause ?? reason) : reason) })
  }
}

parentPort?.on('message', (message: ToHosted) => {
  void (message.type === 'boot' ? boot(message.entry) : begin(message))
})
