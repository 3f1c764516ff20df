import { expect, inject, it } from 'vitest'
import { startPool } from '../support/pool.js'
import { startPrivateBroker } from '../support/private-broker.js'
import { machineMs, newRecord } from '../support/record.js'
import { producedIn } from '../support/traffic.js'
import { until } from '../support/until.js'

const PARTITIONS = 4
const MESSAGES = 240
const SESSION_MS = 3_000

it.skipIf(inject('externalBroker'))(
  'slots that cannot reach the broker for longer than their session stop, and come back with it; nothing is lost',
  async () => {
    const broker = await startPrivateBroker({})
    const { clients } = broker
    const topic = await broker.createTopic(PARTITIONS)
    // More work than can be done before the end of the session, all of it in the threads' buffers.
    const messages = Array.from({ length: MESSAGES }, (_, n) => ({ partition: n % PARTITIONS, value: 'block:40' }))
    await clients.producer.send({ topic, messages })
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 2,
      kafka: { brokers: broker.brokers },
      consumer: { sessionTimeout: SESSION_MS, heartbeatInterval: 300 },
    })
    await until(() => pool.status().totals.finished > 20, { what: 'some work' })
    const fetched = () =>
      pool.status().slots.flatMap(({ assignment }) => assignment.map(({ position }) => Number(position)))
    // At least: a producer's request that timed out is sent again.
    await until(() => fetched().reduce((sum, position) => sum + position, 0) >= MESSAGES, { what: 'all to be fetched' })

    await broker.pause(1)
    const pausedAtMs = machineMs()
    await until(() => pool.status().slots.every(({ seat }) => seat.generation === -1), {
      what: 'the slots to give their membership up',
      deadlineMs: 60_000,
    })
    const lostAtMs = machineMs()
    expect(pool.status().slots.map(({ assignment }) => assignment)).toEqual([[], []])
    expect(lostAtMs - pausedAtMs).toBeGreaterThan(SESSION_MS / 2)
    const finished = pool.status().totals.finished
    expect(finished).toBeLessThan(MESSAGES)

    await broker.resume(1)
    const resumedAtMs = machineMs()
    const verdict = await record.untilNothingIsLost(await producedIn(topic, clients))
    expect(verdict).toMatchObject({ lost: [], unknown: [] })
    // The lease of the last heartbeat that was answered is over a session after the pause at the latest.
    const late = record.read().filter(({ startMs }) => startMs > pausedAtMs + SESSION_MS && startMs < resumedAtMs)
    expect(late).toEqual([])

    const { groups } = await clients.admin.describeGroups([pool.groupId])
    const { slots, state, totals } = pool.status()
    expect(groups[0]?.state).toBe('Stable')
    expect(groups[0]?.members.map(({ memberId }) => memberId).sort()).toEqual(
      slots.map(({ seat }) => seat.memberId).sort(),
    )
    expect(state).toBe('running')
    expect(totals.restarts).toBe(0)
  },
  180_000,
)
