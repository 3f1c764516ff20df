// A handler that does what the message says with its context, and tells the test about it.
import { BroadcastChannel } from 'node:worker_threads'

const channel = new BroadcastChannel(new URL(import.meta.url).searchParams.get('channel'))

const deeds = {
  facts({ slot, incarnation, clientId, attempt, log }, tell) {
    log.info({ more: 1 }, 'said by the handler')
    tell({ did: 'facts', facts: { slot, incarnation, clientId, attempt } })
    if (attempt < 2) throw new Error('again')
  },
  /** Runs until its signal is aborted. */
  async signal({ signal }, tell) {
    tell({ did: 'begin' })
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true })
    })
    tell({ did: 'aborted', name: signal.reason.name, code: signal.reason.code, message: signal.reason.message })
  },
  /** Runs until its signal is aborted, and throws what that says. */
  async 'give-up'({ signal }, tell) {
    tell({ did: 'begin' })
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  },
  /** Blocks its thread until it is cancelled. */
  poll(context, tell) {
    tell({ did: 'begin' })
    while (!context.cancelled);
    tell({ did: 'cancelled' })
  },
  plain(_, tell) {
    tell({ did: 'plain' })
  },
}

export default function handle({ topic, partition, offset, value }, context) {
  const tell = (what) => channel.postMessage({ topic, partition, offset, clientId: context.clientId, ...what })
  return deeds[value.toString()](context, tell)
}
