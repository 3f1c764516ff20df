import { describe, expect, test } from 'vitest'
import { type Health, liveness, readiness } from '#src/admin/health.js'
import { partitionStatus, poolStatus, slotStatus } from '../../support/admin/status.js'

const reasonsOf = ({ checks }: Health): readonly string[] => checks.flatMap(({ reasons }) => reasons)

describe('a pool is ready', () => {
  test('only while it runs as it should', () => {
    const states = ['created', 'starting', 'running', 'degraded', 'escalated', 'stopping', 'stopped'] as const
    expect(states.filter((state) => readiness(poolStatus(state, slotStatus())).ok)).toEqual(['running'])
  })

  test.each([
    'created',
    'starting',
    'degraded',
    'escalated',
    'stopping',
    'stopped',
  ] as const)('or says why not: %s', (state) =>
    expect(reasonsOf(readiness(poolStatus(state, slotStatus())))[0]).toMatch(/^the pool /))

  test.each([
    [
      { state: 'parked', lastError: { code: 'KCP_THREAD_EXITED', message: 'it exited' } },
      'slot 0 is parked: it exited',
    ],
    [{ stalled: true }, 'slot 0: messages wait and nothing moves'],
    [{ waitingFor: 'two members' }, 'slot 0 is in a rebalance that waits: two members'],
    [{ seat: { ...slotStatus().seat, state: 'refused' } }, 'slot 0 cannot store its offsets in group'],
    [{ seat: { ...slotStatus().seat, state: 'fenced' } }, 'slot 0 is no member of group now: its seat is fenced'],
    [
      {
        assignment: [
          partitionStatus(0),
          partitionStatus(3, {
            ...{ reason: 'exhausted', offset: '7', attempts: 10, retries: 0, retryInMs: null },
            error: { name: 'PoolError', message: 'no more attempts' },
          }),
        ],
      },
      'orders-3 stands still at offset 7 (exhausted): no more attempts',
    ],
  ] as const)('or says what is the matter: %j', (more, reason) => {
    expect(reasonsOf(readiness(poolStatus('degraded', slotStatus(more))))).toEqual([reason])
  })
})

describe('what is paused', () => {
  const held = (count: number) => Array.from({ length: count }, (_, n) => partitionStatus(n, null, 1_000 * (n + 1)))

  test('is told, by topic, and is no trouble', () => {
    const slots = [
      slotStatus({ assignment: [partitionStatus(7, null, 12_300), partitionStatus(2)] }),
      slotStatus({ slot: 1, assignment: [{ ...partitionStatus(0, null, 400), topic: 'bills' }, ...held(1)] }),
    ]
    const { ok, onHold } = readiness(poolStatus('running', ...slots))
    expect({ ok, onHold }).toEqual({
      ok: true,
      onHold: ['orders 0, 7: paused by pool.pause() for 12.3 s', 'bills 0: paused by pool.pause() for 0.4 s'],
    })
    expect(readiness(poolStatus('degraded', ...slots)).onHold).toEqual(onHold)
  })

  test('is told in few words, however much it is', () => {
    const [said = ''] = readiness(poolStatus('running', slotStatus({ assignment: held(1_000) }))).onHold ?? []
    expect(said).toMatch(/, 19 and 980 more: paused by pool.pause\(\) for 1000\.0 s$/)
  })
})

describe('a process is live', () => {
  test('in every state but the one out of which it finds no way', () => {
    const states = ['created', 'starting', 'running', 'degraded', 'escalated', 'stopping', 'stopped'] as const
    expect(states.filter((state) => !liveness(state, null).ok)).toEqual(['escalated'])
  })

  test('unless its main loop has hung', () => {
    const { ok, checks } = liveness('running', { forMs: 6_000, agoMs: 2_500 })
    expect(ok).toBe(false)
    expect(checks.find((one) => !one.ok)).toEqual({
      check: 'main-loop',
      ok: false,
      reasons: ['the main thread stood still for 6.0 s until 2.5 s ago'],
    })
  })
})
