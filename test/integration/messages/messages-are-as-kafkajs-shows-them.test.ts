import { CompressionTypes, type KafkaMessage } from 'kafkajs'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, kafkaClient, produce, producerClient, uniqueName } from '../../support/cluster/index.js'
import { listen } from '../../support/pool/hearing.js'
import { startPool } from '../../support/pool/pool.js'

type Hex = string | null

/** A message as the handler `keep` shows it. */
interface Shown {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly timestamp: string
  readonly attributes: number
  readonly key: Hex
  readonly value: Hex
  readonly headers: readonly (readonly [string, Hex | readonly Hex[]])[]
}

type Said =
  | { readonly type: 'seen'; readonly shown: Shown }
  | {
      readonly type: 'kept'
      readonly messages: readonly Shown[]
      readonly fields: readonly Shown[]
      readonly json: readonly string[]
    }

const MAX_BYTES_PER_PARTITION = 4_096

const SHAPES = [
  { key: null, value: null },
  { key: '', value: '' },
  { key: 'key', value: 'value', timestamp: '1700000000123' },
  { value: 'an early timestamp', timestamp: '12' },
  { value: 'one header', headers: { name: 'text', bytes: Buffer.from([0, 255, 128]) } },
  { value: 'duplicated headers', headers: { twice: ['first', Buffer.from('second')], thrice: ['', 'b', ''] } },
  { value: 'empty header', headers: { empty: '', alsoEmpty: Buffer.alloc(0) } },
  { value: Buffer.from([0xff, 0xfe, 0x00, 0x80]), key: Buffer.from([0]) },
  { value: Buffer.alloc(10 * MAX_BYTES_PER_PARTITION, 7), key: 'bigger than a fetch' },
  { value: 'ünïcödé ✓', key: '🔑', headers: { ключ: 'значение' } },
]

const hex = (bytes: Buffer | string | null | undefined): Hex =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('hex')

const shownByKafkajs = (topic: string, partition: number, message: KafkaMessage): Shown => ({
  topic,
  partition,
  offset: message.offset,
  timestamp: message.timestamp,
  attributes: message.attributes,
  key: hex(message.key),
  value: hex(message.value),
  headers: Object.entries(message.headers ?? {}).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map(hex) : hex(value),
  ]),
})

/** What KafkaJS's own consumer makes of a topic. */
const readWithKafkajs = async (topic: string, count: number): Promise<Shown[]> => {
  const consumer = kafkaClient().consumer({ groupId: uniqueName('kafkajs'), maxWaitTimeInMs: 100 })
  onTestFinished(() => consumer.disconnect())
  const read: Shown[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ topic: name, partition, message }) => {
      read.push(shownByKafkajs(name, partition, message))
    },
  })
  await until(() => read.length === count, { what: 'KafkaJS to read everything' })
  return [...read]
}

test('every field of every shape of message is what KafkaJS shows, at once and long after', async () => {
  const topic = await createTopic({ partitions: 1 })
  const producer = await producerClient()
  const gzipped = Array.from({ length: 300 }, (_, n) => ({ key: `${n}`, value: `gzip ${n}`, headers: { n: `${n}` } }))
  for (const shape of SHAPES) await produce(topic, [shape])
  await producer.send({ topic, messages: gzipped, compression: CompressionTypes.GZIP })
  await producer.send({ topic, messages: SHAPES, compression: CompressionTypes.GZIP })
  const count = 2 * SHAPES.length + gzipped.length
  const expected = await readWithKafkajs(topic, count)

  const { handler, heard, until: untilHeard } = listen<Said>()
  await startPool({
    topics: [topic],
    handler: handler('keep'),
    workers: 1,
    consumer: { maxBytesPerPartition: MAX_BYTES_PER_PARTITION },
  })
  await until(() => heard.length === count, { what: 'every message' })
  expect(heard.map((said) => said.type === 'seen' && said.shown)).toEqual(expected)
  expect(expected[0]).toMatchObject({ key: null, value: null })
  expect(expected[1]).toMatchObject({ key: '', value: '' })
  expect(expected[2]?.timestamp).toBe('1700000000123')

  // Other fetches have come and gone, and their memory with them.
  await produce(
    topic,
    Array.from({ length: 200 }, () => ({ value: Buffer.alloc(MAX_BYTES_PER_PARTITION / 2, 9) })),
  )
  await produce(topic, [{ value: 'show' }])
  const kept = await untilHeard('what was kept', ({ type }) => type === 'kept')
  if (kept.type !== 'kept') throw new Error('unreachable')
  expect(kept.messages.slice(0, count)).toEqual(expected)
  expect(kept.fields.slice(0, count)).toEqual(expected)
  const first = JSON.parse(kept.json[5] ?? '')
  expect(first).toMatchObject({
    ...{ topic, partition: 0, offset: '5', attributes: 0, key: null },
    value: { type: 'Buffer', data: [...Buffer.from('duplicated headers')] },
  })
  expect(Object.keys(first).sort()).toEqual([
    'attributes',
    'headers',
    'key',
    'offset',
    'partition',
    'timestamp',
    'topic',
    'value',
  ])
})

/**
 * KafkaJS writes no null headers. But its encoder asks a buffer for its length first to write it down, and -1 stands for
 * null there, and then to copy the bytes.
 */
const nullHeader = (): Buffer => {
  let asked = 0
  return Object.defineProperty(Buffer.alloc(0), 'length', { get: () => (asked++ === 0 ? -1 : 0) })
}

test('headers that KafkaJS mangles are as they were produced: null values, names of properties that objects have', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, until: untilHeard } = listen<Said>()
  await startPool({ topics: [topic], handler: handler('keep'), workers: 1 })
  const headers = {
    nothing: nullHeader(),
    twice: [nullHeader(), Buffer.from('x')],
    constructor: 'a',
    toString: ['b', 'c'],
    '': 'd',
    // JSON.parse makes an own property of it.
    ...JSON.parse('{"__proto__": "e"}'),
  }
  await produce(topic, [{ value: 'v', headers }])
  const said = await untilHeard('the message', ({ type }) => type === 'seen')
  expect(said).toMatchObject({ shown: { value: hex('v') } })
  expect(said.type === 'seen' && said.shown.headers).toEqual([
    ['nothing', null],
    ['twice', [null, hex('x')]],
    ['constructor', hex('a')],
    ['toString', [hex('b'), hex('c')]],
    ['', hex('d')],
    ['__proto__', hex('e')],
  ])
})
