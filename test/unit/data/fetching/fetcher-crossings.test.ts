import { describe, expect, test } from 'vitest'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { batch, range } from '../../../support/data/batches.js'
import { FakeCluster } from '../../../support/data/fake-cluster.js'
import { startFetcher } from '../../../support/data/fetcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

/** Two things that happen while a third is under way. */

const withEpochs = (count: number, partitions = 1): FakeCluster => {
  const cluster = new FakeCluster(partitions)
  for (const partition of range(0, partitions)) {
    cluster.elect(partition, 1)
    cluster.produce(partition, count)
  }
  return cluster
}

const view = (leader: number, leaderEpoch: number): { brokers: []; topics: TopicMetadata[] } => ({
  brokers: [],
  topics: [{ topic: 't', error: null, partitions: [{ partition: 0, leader, leaderEpoch }] }],
})

/** Holds calls back until it is opened. */
const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe('while a position is compared with the log of a leader', () => {
  test.each([
    ['without an epoch, as an old broker tells it', -1],
    ['with the epoch of the messages that were read', 5],
  ])('another leader that is told, %s, is fetched from', async (_, leaderEpoch) => {
    const cluster = new FakeCluster(1)
    Object.assign(cluster.partition(0), { leader: 2, leaderEpoch, end: 150, epochStarts: new Map([[5, 0]]) })
    const held = gate()
    // The look-up of a topic that was made anew, or a broker of another version: an epoch that has to be compared.
    const bench = startFetcher(cluster, { offset: 100, epoch: 5 }, (client) => ({
      topics: async () => view(1, leaderEpoch === 5 ? 3 : 7).topics,
      endsOfEpochs: async (...question) => {
        await held.opened
        return client.endsOfEpochs(...question)
      },
    }))
    bench.get(0).fetching.failures = 20
    await soon('it is compared', () => bench.get(0).fetching.checking)
    bench.fetcher.told(view(2, leaderEpoch))
    await soon('it goes on', () => bench.page.position(0) === 150n)
    held.open()
    await rounds()
    expect(bench.get(0).fetching).toMatchObject({ offset: 150, leader: 2, checking: false })
  })

  test('an answer of the leader before does not count, not even when the comparison is over first', async () => {
    const cluster = withEpochs(100)
    const held = gate()
    const bench = startFetcher(cluster, {}, (client) => ({
      fetch: async (node, request) => {
        if (node !== 1 || request.partitions[0]?.offset !== 100) return client.fetch(node, request)
        // Its last answer: it did not know yet that another one leads.
        const old = withEpochs(110)
          .client()
          .fetch(1, { ...request, partitions: request.partitions })
        await held.opened
        return old
      },
    }))
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    await rounds()
    cluster.elect(0, 2)
    bench.fetcher.told(view(2, 1))
    await soon('it is asked', () => cluster.epochQuestions.length === 1)
    await soon('it stands', () => !bench.get(0).fetching.checking)
    held.open()
    await rounds()
    expect(bench.page.position(0)).toBe(100n)
    cluster.produce(0, 20)
    await soon('it goes on', () => bench.page.position(0) === 120n)
    expect(bench.get(0).fetching.offsetEpoch).toBe(1)
    expect(cluster.fetches.filter(({ node }) => node === 2)[0]?.request.partitions[0]?.offset).toBe(100)
  })
})

describe('a log that has nothing of what was read', () => {
  test('is not read from the old offset when no other offset can be found at first', async () => {
    const cluster = new FakeCluster(1)
    Object.assign(cluster.partition(0), { leaderEpoch: 3, epochStarts: new Map([[3, 40]]), start: 40, end: 200 })
    let failures = 2
    const bench = startFetcher(cluster, { offset: 100, epoch: 0 }, (client) => ({
      listOffsets: async (...question) => {
        if (failures-- > 0) throw new Error('no leader just now')
        return client.listOffsets(...question)
      },
    }))
    await soon('it was reset', () => bench.posted.some(({ type }) => type === 'offset-reset'))
    await soon('it goes on', () => bench.page.position(0) === 200n)
    expect(bench.drain(bench.get(0))).toEqual(range(40, 200))
    expect(cluster.fetches[0]?.request.partitions[0]?.offset).toBe(40)
  })

  test('is one trouble while no other offset can be found, whatever the reasons say', async () => {
    const cluster = new FakeCluster(1)
    Object.assign(cluster.partition(0), { start: 40, end: 200 })
    let failures = 0
    const bench = startFetcher(cluster, {}, (client) => ({
      listOffsets: async (...question) => {
        if (failures++ < 3) throw new Error(`node ${failures} does not answer`)
        return client.listOffsets(...question)
      },
    }))
    await soon('it goes on', () => bench.page.position(0) === 200n, 20_000)
    const told = bench.lines.filter(({ msg }) => msg.includes('no offset')).map(({ level, msg }) => [level, msg])
    expect(told).toEqual([
      [40, expect.stringContaining('no offset to reset to (node 2 does not answer)')],
      [30, 'no longer: no offset to reset to'],
    ])
  })

  test('is not read from offset -1 when the broker names no other', async () => {
    const cluster = new FakeCluster(1)
    Object.assign(cluster.partition(0), { start: 40, end: 200 })
    let nonsense = true
    const bench = startFetcher(cluster, {}, (client) => ({
      listOffsets: async (partitions, ...question) => {
        const found = await client.listOffsets(partitions, ...question)
        const offsets = nonsense ? found.map((each) => ({ ...each, offset: -1n })) : found
        nonsense = false
        return offsets
      },
    }))
    await soon('it goes on', () => bench.page.position(0) === 200n)
    expect(cluster.fetches.flatMap(({ request }) => request.partitions.map(({ offset }) => offset))).not.toContain(-1)
  })
})

describe('a buffer that was let go', () => {
  test.each([
    ['before a message', false, 60, 55],
    ['behind a batch that a handler is at', true, 90, 85],
  ])('is fetched again from the log of another leader only where the logs agree: %s', async (_, inFlight, offset, from) => {
    const cluster = withEpochs(90)
    const bench = startFetcher(cluster, { offset: 60, epoch: 0 })
    const partition = bench.get(0)
    await soon('it is fetched', () => bench.page.position(0) === 90n)
    partition.inFlight = inFlight
    partition.letGo()
    expect(partition.fetching).toMatchObject({ offset, offsetEpoch: 0 })
    cluster.elect(0, 2, from)
    cluster.produce(0, 50)
    await soon('it went back', () => bench.posted.some(({ type }) => type === 'offset-reset'))
    await soon('it goes on', () => bench.page.position(0) === BigInt(from + 50))
  })
})

test('a buffer whose messages are not on the broker any more is not let go: another reset would pass over what came since', async () => {
  const cluster = new FakeCluster(1)
  cluster.produce(0, 50)
  const bench = startFetcher(cluster, { offset: 20, fromBeginning: false })
  const partition = bench.get(0)
  await soon('it is fetched', () => bench.page.position(0) === 50n)
  Object.assign(cluster.partition(0), { start: 1_000, end: 1_000 })
  cluster.changed()
  await soon('it was reset', () => bench.page.position(0) === 1_000n)
  cluster.produce(0, 100)
  await soon('it is read on', () => bench.page.position(0) === 1_100n)
  partition.letGo()
  expect(partition.fetching.offset).toBe(1_100)
  expect(bench.drain(partition)).toEqual([...range(20, 50), ...range(1_000, 1_100)])
})

describe('a message before which others are gone from the log', () => {
  const compacted = async () => {
    const cluster = new FakeCluster(1)
    const epochStarts = new Map([0, 70, 80].map((start, epoch) => [epoch, start]))
    Object.assign(cluster.partition(0), { leaderEpoch: 2, end: 90, epochStarts })
    const bench = startFetcher(cluster, { offset: 60, epoch: 0 })
    const partition = bench.get(0)
    await soon('it is fetched', () => bench.page.position(0) === 90n)
    partition.buffer.clear()
    partition.feed({ ...batch('t', 0, range(80, 90)), leaderEpoch: 2 })
    return { cluster, bench, partition }
  }

  test('that was let go is no sign of a log that was cut off', async () => {
    const { cluster, bench, partition } = await compacted()
    partition.letGo()
    cluster.elect(0, 2)
    cluster.produce(0, 10)
    await soon('it goes on', () => bench.page.position(0) === 100n)
    expect(cluster.epochQuestions).toHaveLength(2)
    expect(bench.posted.filter(({ type }) => type === 'offset-reset')).toEqual([])
  })

  test('and that is exhausted is committed with its own epoch, not with that of the one before', async () => {
    const { bench, partition } = await compacted()
    for (const state of ['queued', 'running'] as const) partition.enter(state)
    partition.pauseAt(80)
    expect(bench.page.finishedUpTo(0)).toBe(80n)
    expect(bench.page.epoch(0)).toBe(2)
  })
})

describe('a look-up that fails', () => {
  test('takes no leader away of which the thread was told meanwhile, and says nothing of partitions that are gone', async () => {
    const cluster = withEpochs(100, 2)
    const held = gate()
    let lookUps = 0
    const bench = startFetcher(cluster, {}, (client) => ({
      topics: async (names) => {
        if (++lookUps > 1) return client.topics(names)
        await held.opened
        throw new Error('no answer')
      },
    }))
    await soon('it is looked up', () => lookUps === 1)
    bench.fetcher.told(view(1, 0))
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    bench.partitions.drop([1])
    held.open()
    await rounds()
    cluster.produce(0, 10)
    await soon('it goes on', () => bench.page.position(0) === 110n)
    expect([lookUps, bench.posted]).toEqual([1, []])
    expect(bench.get(0).fetching.failures).toBe(0)
  })
})

test('a topic that is denied when all its partitions are gone is nobody’s trouble', async () => {
  const cluster = new FakeCluster(1)
  cluster.topicError = 'TOPIC_AUTHORIZATION_FAILED'
  const held = gate()
  let lookUps = 0
  const bench = startFetcher(cluster, {}, (client) => ({
    topics: async (names) => {
      lookUps++
      await held.opened
      return client.topics(names)
    },
  }))
  await soon('it is looked up', () => lookUps === 1)
  bench.partitions.drop([0])
  held.open()
  await rounds()
  expect(bench.lines).toEqual([])
})

test('leaders that are lost in one answer are told in one message and looked up together', async () => {
  const cluster = withEpochs(1, 300)
  const bench = startFetcher(cluster)
  await soon('they are fetched', () => range(0, 300).every((index) => bench.page.position(index) === 1n))
  const before = cluster.lookUps
  for (const index of range(0, 300)) {
    const log = cluster.partition(index)
    log.leader = 2
    log.leaderEpoch = 1
    log.epochStarts.set(1, 1)
    log.end = 2
  }
  cluster.changed()
  await soon('they go on', () => range(0, 300).every((index) => bench.page.position(index) === 2n))
  expect(bench.posted.filter(({ type }) => type === 'leaders-lost').length).toBe(1)
  expect(cluster.lookUps - before).toBe(1)
})
