import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, inject, it, onTestFinished } from 'vitest'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const WORKERS = 2
const TWO_GIB = Buffer.concat([Buffer.from('7fffffff', 'hex'), Buffer.alloc(100_000)])
const NONSENSE = [Buffer.alloc(4), Buffer.from('fffd010007', 'hex'), TWO_GIB, Buffer.from('80000000', 'hex')]

/**
 * Answers each connection of a client of the pool with other bytes that are no frame, and says who connected. The test's
 * own clients are hung up on: they are KafkaJS's, whom this would throw an exception at.
 */
const startHostile = async (nonsense: readonly Buffer[], port = 0) => {
  const clientIds: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)))
    socket.once('data', (request) => {
      const clientId = request.toString('utf8', 14, 14 + request.readInt16BE(12))
      if (!clientId.startsWith('pool-')) return socket.destroy()
      const before = clientIds.filter((id) => id === clientId).length
      clientIds.push(clientId)
      return socket.write(nonsense[before % nonsense.length] as Buffer)
    })
  })
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { port: typeof address === 'object' ? address?.port : port, clientIds, stop }
}

it.skipIf(inject('externalBroker'))(
  'a server that sends nonsense, named among the brokers and in place of one of them, ends neither the pool nor a thread',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const topic = await broker.createTopic(PARTITIONS)
    const named = await Promise.all(NONSENSE.map((bytes) => startHostile([bytes])))
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: WORKERS,
      kafka: { brokers: [...named.map(({ port }) => `127.0.0.1:${port}`), ...broker.brokers] },
      consumer: { sessionTimeout: 30_000 },
    })
    // Main has asked every one of them, or it would not have come to a broker.
    for (const { clientIds } of named) expect(clientIds.length).toBeGreaterThan(0)
    const traffic = await startTraffic(topic, { partitions: PARTITIONS, everyMs: 50, clients: broker.clients })
    await until(() => record.read().length > PARTITIONS, { what: 'the first messages' })

    const node = 2
    await broker.kill(node)
    const instead = await startHostile(NONSENSE, Number(broker.brokers[node - 1]?.split(':')[1]))
    const threads = pool.status().slots.map(({ clientId }) => clientId)
    const times = (thread: string | null) => instead.clientIds.filter((id) => id === thread).length
    // One of them: what it hears sends main to look, and main tells the others where the leaders are.
    await until(() => threads.some((thread) => times(thread) >= 2), {
      what: 'a thread to hear the nonsense',
      deadlineMs: 60_000,
      evidence: () => ({ threads, clientIds: instead.clientIds }),
    })
    await instead.stop()
    await broker.restart(node)
    const verdict = await record.untilNothingIsLost(await traffic.stop())
    expect(verdict.lost).toEqual([])
    expect(pool.crashes()).toEqual([])
    expect(pool.status().state).toBe('running')
  },
  240_000,
)
