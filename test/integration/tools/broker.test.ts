import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { BrokerError, startBroker } from '#scripts/broker.js'
import { until } from '#scripts/support/until.js'
import { makeTopic } from '../../support/cluster/index.js'

const command = fileURLToPath(import.meta.resolve('#scripts/broker.js'))

const accepts = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const [host = '', port = ''] = address.split(':')
    const socket = connect({ host, port: Number(port) })
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

const admin = async (brokers: readonly string[], requestTimeout = 30_000) => {
  const retry = { retries: 20, initialRetryTime: 100, maxRetryTime: 1000 }
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry, requestTimeout })
  const client = kafka.admin()
  onTestFinished(() => client.disconnect())
  await client.connect()
  return { kafka, client }
}

describe.skipIf(inject('externalBroker'))('the embedded broker', () => {
  for (const [signal, code] of [
    ['SIGKILL', null],
    ['SIGTERM', 0],
  ] as const) {
    test(`the command runs a Kafka that is gone after a ${signal}`, async () => {
      const child = spawn(process.execPath, [command], { stdio: ['ignore', 'pipe', 'inherit'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      expect(line).toMatch(/^KAFKA_BROKERS=127\.0\.0\.1:\d+$/)
      const address = line.slice('KAFKA_BROKERS='.length)
      expect(await accepts(address)).toBe(true)
      const exited = once(child, 'exit')
      child.kill(signal)
      expect((await exited)[0]).toBe(code)
      await until(async () => !(await accepts(address)), { what: 'the end of Kafka', deadlineMs: 10_000 })
    })
  }

  test('three nodes survive the death of one, which comes back with its address and its data', {
    timeout: 240_000,
  }, async () => {
    const broker = await startBroker({ nodes: 3, version: inject('version') })
    onTestFinished(() => broker.stop())
    expect(new Set(broker.brokers).size).toBe(3)
    const { kafka, client } = await admin(broker.brokers)
    await makeTopic(client, 'survivor', { partitions: 3 })
    const producer = kafka.producer()
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    const send = (partition: number) =>
      producer.send({ topic: 'survivor', acks: -1, messages: [{ partition, value: 'x' }] })
    await Promise.all([0, 1, 2].map(send))

    await broker.kill(3)
    expect(await accepts(broker.brokers[2] ?? '')).toBe(false)
    await Promise.all([0, 1, 2].map(send))

    await broker.restart(3)
    expect(await accepts(broker.brokers[2] ?? '')).toBe(true)
    const ends = (await client.fetchTopicOffsets('survivor')).map(({ high }) => high)
    expect(ends).toEqual(['2', '2', '2'])
  })

  test('a paused node keeps its connections and answers nothing until it is resumed', async () => {
    const broker = await startBroker({ version: inject('version') })
    onTestFinished(() => broker.stop())
    const { client } = await admin(broker.brokers)
    await broker.pause(1)
    expect(await accepts(broker.brokers[0] ?? '')).toBe(true)
    const listing = client.listTopics()
    const silence = new Promise((resolve) => setTimeout(resolve, 300, 'silence'))
    expect(await Promise.race([listing, silence])).toBe('silence')
    await broker.resume(1)
    expect(await listing).toEqual(['__consumer_offsets'])
  })

  test('a broker that refuses its configuration rejects with its own words', async () => {
    const started = startBroker({ version: inject('version'), properties: { 'process.roles': 'broker,nonsense' } })
    await expect(started).rejects.toThrow(BrokerError)
    await expect(started).rejects.toThrow(/process\.roles/)
  })
})
