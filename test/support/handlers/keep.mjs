// A handler that keeps every message, and shows what it saw of them at once and what is left of them later.
import { BroadcastChannel } from 'node:worker_threads'

const channel = new BroadcastChannel(new URL(import.meta.url).searchParams.get('channel'))

const hex = (bytes) => bytes?.toString('hex') ?? null

/** As text: what crosses to the test shall not depend on how threads copy objects. */
const shown = ({ topic, partition, offset, timestamp, attributes, key, value, headers }) => ({
  ...{ topic, partition, offset, timestamp, attributes },
  key: hex(key),
  value: hex(value),
  headers: Object.keys(headers).map((name) => [
    name,
    Array.isArray(headers[name]) ? headers[name].map(hex) : hex(headers[name]),
  ]),
})

const kept = []

/** `show` asks for everything before it again: the messages, their buffers as they were then, and their JSON. */
export default function keep(message) {
  if (message.value?.toString() !== 'show') {
    const { key, value, headers } = message
    kept.push({ message, fields: { ...message.toJSON(), key, value, headers } })
    channel.postMessage({ type: 'seen', shown: shown(message) })
    return
  }
  channel.postMessage({
    type: 'kept',
    messages: kept.map(({ message }) => shown(message)),
    fields: kept.map(({ fields }) => shown(fields)),
    json: kept.map(({ message }) => JSON.stringify(message)),
  })
}
