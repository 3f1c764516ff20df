import { expect, inject, it } from 'vitest'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const MESSAGES = 240
const SESSION_MS = 6_000

it.skipIf(inject('externalBroker'))(
  'slots that cannot reach the coordinator for longer than their session begin no message, and go on when it still knows them; nothing is lost or repeated',
  async () => {
    const broker = await startPrivateBroker({})
    const { clients } = broker
    const topic = await broker.createTopic(PARTITIONS)
    // More work than can be done before the end of the session, all of it in the threads' buffers.
    const messages = Array.from({ length: MESSAGES }, (_, n) => ({ partition: n % PARTITIONS, value: 'block:100' }))
    await clients.producer.send({ topic, messages })
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 2,
      // What is finished in the dark is not committed before.
      commitIntervalMs: 600_000,
      kafka: { brokers: broker.brokers },
      consumer: { sessionTimeout: SESSION_MS, heartbeatInterval: 300 },
    })
    const generation = pool.status().slots[0]?.seat.generation
    await until(() => pool.status().totals.finished > 10, { what: 'some work' })
    const fetched = () =>
      pool.status().slots.flatMap(({ assignment }) => assignment.map(({ position }) => Number(position)))
    // At least: a producer's request that timed out is sent again.
    await until(() => fetched().reduce((sum, position) => sum + position, 0) >= MESSAGES, { what: 'all to be fetched' })

    await broker.kill(1)
    const killedAtMs = machineMs()
    await until(() => machineMs() > killedAtMs + SESSION_MS && pool.status().totals.inFlight === 0, {
      what: 'the slots to begin nothing any more',
      deadlineMs: 60_000,
    })
    const { totals, state } = pool.status()
    expect(state).toBe('degraded')
    expect(totals.finished).toBeLessThan(MESSAGES)
    expect(pool.status().slots.map(({ assignment }) => assignment.length)).toEqual([2, 2])

    // A coordinator that starts reads the members from its log and gives each of them a whole session.
    const restartedAtMs = machineMs()
    await broker.restart(1)
    await until(() => pool.status().totals.finished > totals.finished, { what: 'the work to go on' })
    const verdict = await record.untilNothingIsLost(await producedIn(topic, clients))
    expect(verdict).toMatchObject({ lost: [], unknown: [], repeated: [], startedTwice: [] })
    // The lease of the last heartbeat that was answered is over a session after the kill at the latest.
    const late = record.read().filter(({ startMs }) => startMs > killedAtMs + SESSION_MS && startMs < restartedAtMs)
    expect(late).toEqual([])
    expect(pool.status().slots.map(({ seat }) => seat.generation)).toEqual([generation, generation])
    await until(() => pool.status().state === 'running', { what: 'the pool to be healthy' })
    expect(pool.status().totals.restarts).toBe(0)
  },
  180_000,
)
