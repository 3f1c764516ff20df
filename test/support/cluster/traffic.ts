import type { Admin, Producer } from 'kafkajs'
import { onTestFinished } from 'vitest'
import { type Range, rangesOf } from '#scripts/support/topics.js'
import { adminClient, producerClient } from './clients.js'

/** The clients that talk to a cluster beside the code under test. */
export interface TestClients {
  readonly admin: Admin
  readonly producer: Producer
}

const sharedClients = async (): Promise<TestClients> => ({
  admin: await adminClient(),
  producer: await producerClient(),
})

/** What the broker says is in the topic now. */
export const producedIn = async (topic: string, clients?: TestClients): Promise<Range[]> => {
  const { admin } = clients ?? (await sharedClients())
  return rangesOf(admin, topic)
}

export interface TrafficOptions {
  readonly partitions: number
  /** The deed that each message asks of the recording handler. @default plain work */
  readonly value?: string
  /** Time between two rounds of one message for each partition. @default 20 */
  readonly everyMs?: number
  /** @default the shared broker's */
  readonly clients?: TestClients
}

export interface Traffic {
  /** Stops producing, and resolves with everything that is in the topic. Idempotent. */
  stop(): Promise<Range[]>
}

/** Produces to every partition of a topic, steadily, until it is stopped or the test ends. */
export const startTraffic = async (
  topic: string,
  { partitions, value = 'plain', everyMs = 20, clients }: TrafficOptions,
): Promise<Traffic> => {
  const { admin, producer } = clients ?? (await sharedClients())
  const messages = Array.from({ length: partitions }, (_, partition) => ({ partition, value }))
  let stopped = false
  let wake = () => {}
  const pause = () =>
    new Promise<void>((resolve) => {
      wake = resolve
      setTimeout(resolve, everyMs)
    })
  const running = (async () => {
    while (!stopped) {
      // A message whose request failed may be there or not: what counts is what the topic holds in the end.
      await producer.send({ topic, acks: -1, messages }).catch(() => undefined)
      await pause()
    }
  })()
  const stop = async () => {
    stopped = true
    wake()
    await running
    return producedIn(topic, { admin, producer })
  }
  onTestFinished(async () => {
    stopped = true
    wake()
    await running
  })
  return { stop }
}
