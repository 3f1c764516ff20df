import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { finishedUpTo, Holdings } from '#src/control/holdings.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { AssignmentTaker, type Taken } from '#src/control/progress/assignment-taker.js'
import { StoredOffsets } from '#src/control/progress/stored-offsets.js'
import type { KafkaError } from '#src/kafka/kafka-error.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient, kafkaError, silence, unanswered } from '../../../support/control/fake-client.js'
import { collectLines } from '../../../support/log-lines.js'

const orders = (...partitions: number[]) => partitions.map((partition) => ({ topic: 'orders', partition }))

/** @param before partitions that the topic had when the pool started */
const world = (
  committed: Readonly<Record<number, bigint>>,
  fromBeginning = true,
  before = 10,
  log = pino({ level: 'silent' }),
) => {
  const client = new FakeClient()
  const resets: string[] = []
  client.committedOffsets = async (_node, _group, partitions) =>
    partitions.map(({ topic, partition }) => ({ topic, partition, offset: committed[partition] ?? -1n }))
  client.listOffsets = async (partitions, at) => {
    resets.push(String(at))
    return partitions.map(({ topic, partition }) => ({ topic, partition, offset: at === 'earliest' ? 3n : 500n }))
  }
  const holdings = new Holdings()
  const taker = new AssignmentTaker({
    config: slotConfig({ fromBeginning }),
    holdings,
    poolClient: client,
    coordinator: new Coordinator(client, 'group'),
    stored: new StoredOffsets(),
    isNew: ({ partition }) => partition >= before,
    log,
  })
  return { client, holdings, taker, resets }
}

const offsets = (holdings: Holdings) => holdings.all().map((holding) => [holding.partition, finishedUpTo(holding)])

describe('taking an assignment', () => {
  test.each([
    [true, 'earliest', 3n],
    [false, 'latest', 500n],
  ])('starts at the committed offset, else (fromBeginning %s) at the %s one', async (fromBeginning, at, start) => {
    const { holdings, taker, resets } = world({ 0: 40n }, fromBeginning)
    await taker.take(orders(0, 1), () => {})
    expect(offsets(holdings)).toEqual([
      [0, 40n],
      [1, start],
    ])
    expect(resets).toEqual([at])
  })

  test('starts at the first message of a partition that came while the pool ran, unless the group has committed more', async () => {
    const { holdings, taker } = world({ 0: 40n, 2: 7n }, false, 2)
    await taker.take(orders(0, 1, 2, 3), () => {})
    expect(offsets(holdings)).toEqual([
      [0, 40n],
      [1, 500n],
      [2, 7n],
      [3, 3n],
    ])
  })

  test.each([
    [true, '3', /gone .*begin at their first message/],
    [false, '500', /gone .*begin at their end/],
  ])('says once that what the group had stored is gone (fromBeginning %s)', async (fromBeginning, begins, words) => {
    const { logger, lines } = collectLines()
    const committed: Record<number, bigint> = { 0: 40n, 1: 7n }
    const { holdings, taker } = world(committed, fromBeginning, 3, logger)
    const takeAnew = async () => {
      holdings.drop(() => false)
      await taker.take(orders(0, 1, 2, 3), () => {})
    }
    await takeAnew()
    const warned = () => lines.filter(({ level }) => level >= 40)
    expect(warned()).toEqual([])
    delete committed[0]
    await takeAnew()
    const told = {
      partitions: [{ partition: 'orders-0', had: '40', offset: begins }],
      msg: expect.stringMatching(words),
    }
    expect(warned()).toMatchObject([told])
    await takeAnew()
    expect(warned()).toHaveLength(1)
  })

  test('takes the leader epoch of a committed offset along; an offset that was reset has none', async () => {
    const { holdings, taker, client } = world({ 0: 40n })
    const committed = client.committedOffsets
    client.committedOffsets = async (...request) =>
      (await committed(...request)).map((entry) => ({ ...entry, leaderEpoch: entry.offset < 0n ? -1 : 0 }))
    await taker.take(orders(0, 1), () => {})
    expect(holdings.all().map(({ page, index }) => page.epoch(index))).toEqual([0, -1])
  })

  test('looks nothing up for what is held already', async () => {
    const { holdings, taker, client } = world({})
    holdings.add([{ topic: 'orders', partition: 0, offset: 7n, committed: 7n }])
    client.asked.length = 0
    await taker.take(orders(0), () => {})
    expect(client.asked).toEqual([])
    expect(offsets(holdings)).toEqual([[0, 7n]])
  })

  test('tries again until the coordinator answers', async () => {
    const { holdings, taker, client } = world({ 0: 1n })
    const answer = client.committedOffsets
    let failures = 2
    client.committedOffsets = (...request) => (failures-- > 0 ? Promise.reject(kafkaError(14)) : answer(...request))
    await taker.take(orders(0), () => {})
    expect(offsets(holdings)).toEqual([[0, 1n]])
  })

  /** For how long the answers to OffsetFetch and ListOffsets were waited for, which fail like that before they are there. */
  const waits = async (failures: { readonly fetch?: KafkaError[]; readonly list?: KafkaError[] }) => {
    const { taker, client } = world({})
    const limits: { fetch: unknown[]; list: unknown[] } = { fetch: [], list: [] }
    const { fetch = [], list = [] } = failures
    const { committedOffsets, listOffsets } = client
    client.committedOffsets = async (node, group, partitions, limit) => {
      limits.fetch.push(limit?.atMostMs)
      const failure = fetch.shift()
      if (failure !== undefined) throw failure
      return committedOffsets(node, group, partitions)
    }
    client.listOffsets = async (partitions, at, how) => {
      limits.list.push(how.atMostMs)
      const failure = list.shift()
      if (failure !== undefined) throw failure
      return listOffsets(partitions, at, how)
    }
    await taker.take(orders(0), () => {})
    return limits
  }

  test('waits for no answer longer than 6 s at first, and after each silence for twice as long', async () => {
    const fetch = [silence(), silence()]
    expect(await waits({ fetch })).toEqual({ fetch: [6_000, 12_000, 24_000], list: [24_000] })
    // One that failed among others is asked for alone.
    const list = [silence(), unanswered()]
    expect(await waits({ list })).toEqual({ fetch: [6_000, 12_000], list: [6_000, 6_000, 12_000] })
  })

  test('waits no longer for an answer because something else has failed before', async () => {
    const fetch = [kafkaError(14), unanswered(), kafkaError(7, 'REQUEST_TIMED_OUT')]
    const list = [kafkaError(5), unanswered()]
    expect(await waits({ fetch, list })).toEqual({ fetch: Array(5).fill(6_000), list: Array(3).fill(6_000) })
  })

  test('says why it waits when that takes long', async () => {
    const { logger, lines } = collectLines()
    const { taker, client } = world({}, true, 10, logger)
    const answer = client.listOffsets
    let failures = 8
    client.listOffsets = (...request) => (failures-- > 0 ? Promise.reject(kafkaError(9)) : answer(...request))
    await taker.take(orders(0), () => {})
    expect(lines).toMatchObject([{ err: { message: 'answered with CODE_9 (9)' } }, { msg: 'all starts are known now' }])
  })

  test('changes nothing when a newer assignment came meanwhile', async () => {
    const { holdings, taker } = world({ 0: 1n })
    const parts: Taken[] = []
    const first = taker.take(orders(0), (taken) => parts.push(taken))
    taker.cancel()
    await first
    expect(parts).toEqual([])
    expect(holdings.all()).toEqual([])
  })
})
