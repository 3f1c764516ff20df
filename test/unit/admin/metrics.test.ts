import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COUNTED } from '#src/admin/metrics/counted.js'
import { MEASURED } from '#src/admin/metrics/measured.js'
import { Metrics, PREFIX } from '#src/admin/metrics/metrics.js'
import { READINGS } from '#src/admin/metrics/readings.js'
import type { PoolMeasures } from '#src/control/measures.js'
import type { PartitionPause, PoolStatus } from '#src/index.js'
import { Durations } from '#src/protocol/durations.js'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask } from '../../support/admin/ask.js'
import { partitionStatus, poolStatus, slotStatus } from '../../support/admin/status.js'

const LINE = /^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? (NaN|[+-]Inf|-?[\d.]+(?:e[+-]\d+)?)$/

/** What the text says: series (name and labels) to value. Throws at a line that is none of Prometheus's text format. */
const scrape = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !/^# (?:HELP|TYPE) [a-z_]+ /.test(line))
      .map((line) => {
        const [, name = '', labels = '', value] = LINE.exec(line) ?? []
        if (value === undefined) throw new Error(`no line of a scrape: ${line}`)
        return [`${name.replace(PREFIX, '')}{${labels}}`, Number(value)] as const
      }),
  )

const bench = (status: PoolStatus, measures: PoolMeasures = { slots: [], groups: [] }) => {
  const pool = { status }
  const metrics = new Metrics(
    () => pool.status,
    () => measures,
  )
  return { pool, metrics, read: async (partitions = false) => scrape(await metrics.text(partitions)) }
}

const paused: PartitionPause = {
  ...{ reason: 'exhausted', offset: '5', attempts: 10, retries: 0, retryInMs: null },
  error: { name: 'Error', message: 'no' },
}

describe('from the status', () => {
  test('what the pool, its slots and its topics do', async () => {
    const memory = { heapUsed: 5, heapLimit: 10, external: 2 }
    const slots = [
      slotStatus({ assignment: [partitionStatus(0), partitionStatus(1, paused)], memory, restarts: 2 }),
      slotStatus({ slot: 1, state: 'parked', stalled: true, assignment: [partitionStatus(2, null, 5_000)] }),
    ]
    const { read } = bench(poolStatus('degraded', ...slots))
    expect(Object.fromEntries(await read())).toMatchObject({
      'state{state="degraded"}': 1,
      'state{state="running"}': 0,
      'slots{state="running"}': 1,
      'slots{state="parked"}': 1,
      'slot_stalled{group="group",slot="0"}': 0,
      'slot_stalled{group="group",slot="1"}': 1,
      'messages_finished_total{group="group",slot="0"}': 10,
      'slot_restarts_total{group="group",slot="0"}': 2,
      'thread_heap_used_bytes{group="group",slot="0"}': 5,
      'lag_messages{group="group",topic="orders"}': 3,
      'partitions{group="group",topic="orders"}': 3,
      'partitions_paused{group="group",topic="orders",reason="exhausted"}': 1,
      'partitions_on_hold{group="group",topic="orders"}': 1,
      'rebalances_total{}': 0,
    })
  })

  test('what is not known is absent, not 0', async () => {
    const assignment = [partitionStatus(0), { ...partitionStatus(1), lag: null, committed: null }]
    const names = [...(await bench(poolStatus('running', slotStatus({ assignment }))).read(true)).keys()]
    expect(names.filter((name) => /^(?:lag|thread_|partitions_paused)/.test(name))).toEqual([])
    expect(names.filter((name) => name.startsWith('partition_lag'))).toHaveLength(1)
    expect(names.filter((name) => name.startsWith('partition_committed'))).toHaveLength(1)
  })

  test('of what is paused it is 0, and not absent, when nothing is', async () => {
    const { read } = bench(poolStatus('running', slotStatus({ assignment: [partitionStatus(0)] })))
    expect((await read()).get('partitions_on_hold{group="group",topic="orders"}')).toBe(0)
  })

  test('partitions have series of their own only for who asks, and none when they are gone', async () => {
    const { pool, read } = bench(poolStatus('running', slotStatus({ assignment: [partitionStatus(0)] })))
    const ofPartitions = async (asked: boolean) =>
      [...(await read(asked)).keys()].filter((series) => series.includes('partition="'))
    expect(await ofPartitions(false)).toEqual([])
    expect(await ofPartitions(true)).toHaveLength(4)
    pool.status = poolStatus('running', slotStatus())
    expect(await ofPartitions(true)).toEqual([])
  })

  test('a group may have any name', async () => {
    const { read } = bench(poolStatus('running', slotStatus({ groupId: 'a "b"\\\n{c}' })))
    expect([...(await read()).keys()]).toContain('slot_stalled{group="a \\"b\\"\\\\\\n{c}",slot="0"}')
  })
})

describe('from the ledgers', () => {
  const times = (...ms: number[]) => {
    const durations = new Durations([1, 10])
    for (const each of ms) durations.count(each)
    return durations.counts
  }

  test('histograms are cumulative, in seconds, and one for each group', async () => {
    const groups = [
      { groupId: 'a', handlers: times(0.5, 1, 5, 20), ages: times() },
      { groupId: 'b', handlers: times(2), ages: times(1_000) },
    ]
    const said = Object.fromEntries(await bench(poolStatus('running'), { slots: [], groups }).read())
    expect(said).toMatchObject({
      'handler_duration_seconds_bucket{le="0.001",group="a"}': 2,
      'handler_duration_seconds_bucket{le="0.01",group="a"}': 3,
      'handler_duration_seconds_bucket{le="+Inf",group="a"}': 4,
      'handler_duration_seconds_count{group="a"}': 4,
      'handler_duration_seconds_sum{group="a"}': 0.0265,
      'handler_duration_seconds_count{group="b"}': 1,
      'message_age_seconds_bucket{le="0.01",group="b"}': 0,
      'message_age_seconds_sum{group="b"}': 1,
      'message_age_seconds_count{group="a"}': 0,
    })
  })

  test('what is not known of a slot is absent', async () => {
    const slot = { groupId: 'g', workedMs: 1_500, fetchedBytes: 10 }
    const slots = [
      { ...slot, slot: 0, leaseLeftMs: 2_000, bufferedBytes: 3 },
      { ...slot, slot: 1, leaseLeftMs: null, bufferedBytes: null },
    ]
    const said = await bench(poolStatus('running'), { slots, groups: [] }).read()
    expect(Object.fromEntries(said)).toMatchObject({
      'thread_busy_seconds_total{group="g",slot="0"}': 1.5,
      'fetched_bytes_total{group="g",slot="1"}': 10,
      'lease_left_seconds{group="g",slot="0"}': 2,
      'buffered_bytes{group="g",slot="0"}': 3,
    })
    expect([...said.keys()].filter((name) => /^(?:lease|buffered).*slot="1"/.test(name))).toEqual([])
  })
})

describe('from the events', () => {
  test('each is counted, and histograms are in seconds', async () => {
    const { metrics, read } = bench(poolStatus('running'))
    expect((await read()).get('escalations_total{}')).toBe(0)
    metrics.tell('slot:crashed', { slot: 1, error: { code: 'KCP_THREAD_EXITED' } })
    metrics.tell('slot:crashed', { slot: 2, error: { code: 'KCP_THREAD_EXITED' } })
    metrics.tell('message:failed', { topic: 'orders', outcome: 'retry' })
    metrics.tell('slot:recovered', { slot: 1, afterMs: 40, by: 'handover' })
    metrics.tell('pool:escalated', {})
    metrics.tell('some:other', {})
    expect(Object.fromEntries(await read())).toMatchObject({
      'crashes_total{code="KCP_THREAD_EXITED"}': 2,
      'attempts_failed_total{topic="orders",outcome="retry"}': 1,
      'escalations_total{}': 1,
      'recovery_seconds_bucket{le="0.025",by="handover"}': 0,
      'recovery_seconds_bucket{le="0.05",by="handover"}': 1,
      'recovery_seconds_sum{by="handover"}': 0.04,
    })
  })
})

test('names keep to the conventions of Prometheus', () => {
  const all = [
    ...READINGS.map(({ name, kind }) => ({ name, kind })),
    ...MEASURED.map(({ name, kind }) => ({ name, kind })),
    ...COUNTED.map(({ name, seconds }) => ({ name, kind: seconds ? 'histogram' : 'counter' })),
  ]
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  for (const { name, kind } of all) {
    expect(name).toMatch(/^[a-z]+(?:_[a-z]+)*$/)
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    if (kind === 'histogram') expect(name).toMatch(/_seconds$/)
  }
})

describe('docs/metrics.md', () => {
  const page = readFileSync('docs/metrics.md', 'utf8')

  test('has a row for every metric, as the code has it, and for no other', () => {
    const row = (name: string, kind: string, labels: readonly string[], help: string) =>
      `| \`${PREFIX}${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`
    const rows = [
      ...READINGS.filter(({ byPartition }) => !byPartition).map(({ name, kind, labels, help }) =>
        row(name, kind, labels, help),
      ),
      ...MEASURED.map(({ name, kind, labels, help }) => row(name, kind, labels, help)),
      ...COUNTED.map(({ name, seconds, labels, help }) => row(name, seconds ? 'histogram' : 'counter', labels, help)),
      ...READINGS.filter(({ byPartition }) => byPartition).map(({ name, kind, labels, help }) =>
        row(name, kind, labels, help),
      ),
    ]
    expect(page.split('\n').filter((line) => line.startsWith(`| \`${PREFIX}`))).toEqual(rows)
  })

  test('queries what there is', () => {
    const names = new Set([...READINGS, ...MEASURED, ...COUNTED].map(({ name }) => PREFIX + name))
    const queried = [...(page.split('## What to look at')[1] ?? '').matchAll(/kafka_consumer_pool_[a-z_]+/g)]
    expect(queried.length).toBeGreaterThan(5)
    expect(queried.map(([name]) => name.replace(/_bucket$/, '')).filter((name) => !names.has(name))).toEqual([])
  })
})

test('/metrics is text for Prometheus, and takes the token', async () => {
  const token = 'a-token-of-sixteen-characters'
  const { url } = await startAdmin({
    token,
    status: poolStatus('running', slotStatus({ assignment: [partitionStatus(0)] })),
  })
  expect((await ask(url('/metrics'))).status).toBe(401)
  const headers = { authorization: `Bearer ${token}` }
  const plain = await ask(url('/metrics'), { headers })
  expect(plain).toMatchObject({ status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } })
  expect(scrape(plain.body).get('state{state="running"}')).toBe(1)
  const { body } = await ask(url('/metrics?partitions'), { headers })
  expect([...scrape(body).keys()]).toContain('partition_lag_messages{group="group",topic="orders",partition="0"}')
})
