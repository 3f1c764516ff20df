import { describe, expect, test } from 'vitest'
import { judgePosition, needsCheck } from '#src/data/fetching/position-verdict.js'
import type { Handler } from '#src/data/handler.js'
import { range } from '../../../support/data/batches.js'
import { type BenchOptions, DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { FakeCluster } from '../../../support/data/fake-cluster.js'
import { type FetcherBench, startFetcher } from '../../../support/data/fetcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

/** A topic of one partition with messages of epoch 0, which node 1 leads. */
const withEpochs = (count: number): FakeCluster => {
  const cluster = new FakeCluster(1)
  cluster.elect(0, 1)
  cluster.produce(0, count)
  return cluster
}

const resets = (bench: FetcherBench) => bench.posted.filter(({ type }) => type === 'offset-reset')

describe('whether a position is compared with the log of its leader', () => {
  test.each([
    ['is not, while its own epoch is not known', { offsetEpoch: -1, leaderEpoch: 5, checkedEpoch: -1 }, false],
    ['is not, while the brokers tell no epochs', { offsetEpoch: 3, leaderEpoch: -1, checkedEpoch: -1 }, false],
    ['is not, when that leader wrote it', { offsetEpoch: 5, leaderEpoch: 5, checkedEpoch: -1 }, false],
    ['is not, when it was already', { offsetEpoch: 3, leaderEpoch: 5, checkedEpoch: 5 }, false],
    ['is, when an earlier leader wrote it', { offsetEpoch: 3, leaderEpoch: 5, checkedEpoch: -1 }, true],
    ['is, when it was compared with an earlier one', { offsetEpoch: 3, leaderEpoch: 6, checkedEpoch: 5 }, true],
    ['is, when the topic was made anew', { offsetEpoch: 5, leaderEpoch: 0, checkedEpoch: -1 }, true],
  ])('it %s', (_, position, expected) => {
    expect(needsCheck(position)).toBe(expected)
  })
})

describe('the answer about the epoch of position 100', () => {
  test.each([
    [{ leaderEpoch: 3, endOffset: 100 }, { type: 'stands' }],
    [{ leaderEpoch: 3, endOffset: 4_000 }, { type: 'stands' }],
    [{ leaderEpoch: 2, endOffset: 4_000 }, { type: 'stands' }],
    [
      { leaderEpoch: 3, endOffset: 99 },
      { type: 'truncated', offset: 99, leaderEpoch: 3 },
    ],
    [
      { leaderEpoch: 2, endOffset: 40 },
      { type: 'truncated', offset: 40, leaderEpoch: 2 },
    ],
    [{ leaderEpoch: -1, endOffset: -1 }, { type: 'lost' }],
    [{ leaderEpoch: 3, endOffset: -1 }, { type: 'lost' }],
  ])('%j means %j', (end, verdict) => {
    expect(judgePosition(100, end)).toEqual(verdict)
  })
})

describe('after an unclean election', () => {
  test('what the new leader has is read where the logs part, and it is said', async () => {
    const cluster = withEpochs(100)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 100))
    cluster.elect(0, 2, 60)
    cluster.produce(0, 90) // more than there were: without the epochs the old offset would do
    await soon('all of the new log is fetched', () => bench.page.position(0) === 150n)
    expect(bench.drain(bench.get(0))).toEqual(range(60, 150))
    expect(resets(bench)).toEqual([
      { type: 'offset-reset', partitionId: 0, from: '100', to: '60', reason: 'truncated' },
    ])
    expect(bench.lines.filter(({ level }) => level >= 40)).toMatchObject([
      { level: 40, from: '100', to: '60', msg: expect.stringContaining('unclean election') },
    ])
    expect(cluster.epochQuestions).toMatchObject([
      { node: 2, questions: [{ topic: 't', partition: 0, currentLeaderEpoch: 1, leaderEpoch: 0 }] },
    ])
  })

  test('what was read of the old log and has not begun is dropped', async () => {
    const cluster = withEpochs(100)
    const bench = startFetcher(cluster)
    await soon('it is buffered', () => bench.page.position(0) === 100n)
    cluster.elect(0, 2, 60)
    await soon('it went back', () => resets(bench).length === 1)
    expect(bench.get(0).fetching).toMatchObject({ offset: 60, offsetEpoch: 0, leaderEpoch: 1 })
    cluster.produce(0, 5)
    await soon('the new one is fetched', () => bench.page.position(0) === 65n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 65))
  })

  test.each([
    [true, '40'],
    [false, '70'],
  ])('a log that has nothing of ours is read from where fromBeginning: %s says', async (fromBeginning, to) => {
    const cluster = withEpochs(100)
    const bench = startFetcher(cluster, { fromBeginning: true })
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    bench.fetcher.close()
    const other = new FakeCluster(1)
    Object.assign(other.partition(0), { leaderEpoch: 3, epochStarts: new Map([[3, 40]]), start: 40, end: 70 })
    const second = startFetcher(other, { fromBeginning, offset: 100, epoch: 0 })
    await soon('it was reset', () => resets(second).length === 1)
    expect(resets(second)).toEqual([{ type: 'offset-reset', partitionId: 0, from: '100', to, reason: 'truncated' }])
    await soon('it goes on', () => second.page.position(0) === 70n)
  })

  test('a start from a committed offset with an epoch is compared too', async () => {
    const cluster = withEpochs(60)
    cluster.elect(0, 2)
    cluster.produce(0, 90)
    const bench = startFetcher(cluster, { offset: 100, epoch: 0 })
    await soon('all of it is fetched', () => bench.page.position(0) === 150n)
    expect(bench.drain(bench.get(0))).toEqual(range(60, 150))
  })
})

describe('a message in flight that the new leader does not have', () => {
  const begun = async (more: BenchOptions = {}) => {
    const calls: { resolve: () => void; reject: (error: unknown) => void }[] = []
    const handled: string[] = []
    const handler: Handler = ({ offset }) =>
      new Promise<void>((resolve, reject) => {
        handled.push(offset)
        calls.push({ resolve, reject })
      })
    const bench = new DispatcherBench(handler, more)
    const [partition] = bench.assign({ partition: 0 })
    if (partition === undefined) throw new Error('no partition')
    bench.feed(partition, range(0, 10))
    for (const n of range(0, 8)) {
      await soon('it begins', () => calls.length === n + 1)
      if (n < 7) calls[n]?.resolve()
    }
    expect([handled.at(-1), bench.finishedUpTo(partition)]).toEqual(['7', 7])
    const page = bench.pages.get(partition)?.page
    const cutOff = (offset: number) => {
      partition.cutOff(offset, 3)
      bench.dispatcher.schedule(partition)
    }
    return { bench, partition, handled, cutOff, last: () => calls.at(-1), epoch: () => page?.epoch(0) }
  }

  test.each([4, 7])('is not counted when it is finished: offset %i is committed, with its epoch', async (offset) => {
    const { bench, partition, handled, cutOff, last, epoch } = await begun()
    cutOff(offset)
    last()?.resolve()
    await soon('it went back', () => bench.finishedUpTo(partition) === offset && partition.buffer.empty)
    expect(epoch()).toBe(3)
    bench.feed(partition, range(offset, 12))
    await soon('the new one begins', () => handled.length === 9)
    expect(handled.at(-1)).toBe(String(offset))
    last()?.resolve()
    await soon('it counts', () => bench.finishedUpTo(partition) === offset + 1)
    expect(bench.faults).toEqual([])
  })

  test('is not tried again when it fails, nor does the partition stand still', async () => {
    const { bench, partition, handled, cutOff, last } = await begun({
      retry: { attempts: 1, initialDelayMs: 1, maxDelayMs: 1 },
    })
    cutOff(5)
    last()?.reject(new Error('no'))
    await soon('it went back', () => bench.finishedUpTo(partition) === 5 && partition.buffer.empty)
    bench.feed(partition, range(5, 6))
    await soon('the new one begins', () => handled.at(-1) === '5')
    expect([partition.attemptAt(5), bench.posted]).toEqual([1, []])
    last()?.resolve()
    await soon('it counts', () => bench.finishedUpTo(partition) === 6)
  })

  test('is passed over when it waits for its next attempt', async () => {
    const { bench, partition, cutOff, last } = await begun({
      retry: { attempts: 9, initialDelayMs: 20, maxDelayMs: 20 },
    })
    last()?.reject(new Error('no'))
    await soon('it waits', () => partition.handling === 'waiting')
    cutOff(7)
    await soon('it is gone', () => partition.buffer.empty)
    expect([bench.finishedUpTo(partition), partition.attemptAt(7)]).toEqual([7, 1])
  })

  test('below the offset where the logs part goes on as before', async () => {
    const { bench, partition, cutOff, last } = await begun()
    cutOff(8)
    last()?.resolve()
    await soon('it counts', () => bench.finishedUpTo(partition) === 8)
    expect(partition.buffer.empty).toBe(true)
  })
})

describe('after a clean election', () => {
  test('the position is compared once and stands, and nothing is lost or fetched twice', async () => {
    const cluster = withEpochs(100)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    cluster.elect(0, 2)
    cluster.produce(0, 50)
    await soon('the rest is fetched', () => bench.page.position(0) === 150n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 150))
    expect(resets(bench)).toEqual([])
    expect(cluster.epochQuestions.length).toBe(1)
    expect(cluster.fetches.at(-1)?.request.partitions[0]?.currentLeaderEpoch).toBe(1)
  })

  test('a leader that refuses the question, or does not answer, is looked up again', async () => {
    const cluster = withEpochs(100)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 100n)
    cluster.partition(0).errors.push('NOT_LEADER_FOR_PARTITION', 'UNKNOWN_LEADER_EPOCH')
    cluster.broken.set(2, 1)
    cluster.elect(0, 2)
    cluster.produce(0, 50)
    await soon('the rest is fetched', () => bench.page.position(0) === 150n)
    expect(cluster.epochQuestions.length).toBe(3)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 150))
  })

  test('with a broker that cannot compare, or that tells no epochs, everything is as before', async () => {
    const cluster = withEpochs(100)
    cluster.knowsEpochEnds = false
    const old = new FakeCluster(1)
    old.produce(0, 100)
    const benches = [startFetcher(cluster), startFetcher(old)]
    for (const bench of benches) await soon('it is fetched', () => bench.page.position(0) === 100n)
    cluster.elect(0, 2)
    old.partition(0).leader = 2
    cluster.produce(0, 50)
    old.produce(0, 50)
    for (const bench of benches) await soon('the rest is fetched', () => bench.page.position(0) === 150n)
    expect(old.epochQuestions).toEqual([])
  })

  test('metadata that is older than what was read is not followed', async () => {
    const cluster = withEpochs(100)
    cluster.elect(0, 1)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 110n)
    const log = cluster.partition(0)
    log.leaderEpoch = 0
    log.leader = 3
    log.errors.push('NOT_LEADER_FOR_PARTITION')
    cluster.changed()
    await soon('it has looked', () => cluster.lookUps > 2)
    expect(cluster.fetchesOf(0).filter(({ node }) => node === 3)).toEqual([])
    expect(cluster.epochQuestions).toEqual([])
    log.leaderEpoch = 2
    log.leader = 2
    log.epochStarts.set(2, 110)
    cluster.produce(0, 10)
    await soon('it goes on', () => bench.page.position(0) === 120n)
    expect(resets(bench)).toEqual([])
  })
})

describe('a thread that is told of leaders', () => {
  const view = (leader: number, leaderEpoch: number) => ({
    brokers: [],
    topics: [{ topic: 't', error: null, partitions: [{ partition: 0, leader, leaderEpoch }] }],
  })

  test('follows a later one at once and asks nobody, and ignores what is no news', async () => {
    const cluster = withEpochs(10)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    expect(cluster.lookUps).toBe(1)
    cluster.elect(0, 2)
    bench.fetcher.told(view(2, 1))
    cluster.produce(0, 10)
    await soon('it is fetched from the new one', () => bench.page.position(0) === 20n)
    bench.fetcher.told(view(1, 0))
    bench.fetcher.told(view(1, 1))
    cluster.produce(0, 10)
    await soon('it goes on there', () => bench.page.position(0) === 30n)
    expect(cluster.lookUps).toBe(1)
    expect(cluster.fetches.at(-1)?.node).toBe(2)
    expect(bench.posted).toEqual([])
  })

  test('says which one it has lost', async () => {
    const cluster = withEpochs(10)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    cluster.elect(0, 2)
    await soon('it is said', () => bench.posted.length > 0)
    expect(bench.posted[0]).toEqual({
      type: 'leaders-lost',
      partitions: [{ topic: 't', partition: 0, leader: 1, leaderEpoch: 0 }],
    })
    await rounds()
  })
})
