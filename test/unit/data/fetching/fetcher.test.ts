import { describe, expect, test } from 'vitest'
import type { Partition } from '#src/data/partition.js'
import { PoolError } from '#src/errors.js'
import { NO_END } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { batch, range } from '../../../support/data/batches.js'
import { FakeCluster, type FakePartition } from '../../../support/data/fake-cluster.js'
import { type FetcherBench, startFetcher } from '../../../support/data/fetcher-bench.js'
import { rounds, soon } from '../../../support/data/soon.js'

describe('the fetcher', () => {
  test('fills the buffers of all partitions in order, each from the node that leads it', async () => {
    const cluster = new FakeCluster(3, (partition) => partition % 2)
    for (const partition of range(0, 3)) cluster.produce(partition, 250)
    const bench = startFetcher(cluster)
    await soon('everything is fetched', () => bench.page.position(0) === 250n && bench.page.position(1) === 250n)
    await soon('the third is fetched', () => bench.page.position(2) === 250n)
    for (const index of range(0, 3)) {
      expect(bench.drain(bench.get(index))).toEqual(range(0, 250))
      expect(cluster.fetchesOf(index).every(({ node }) => node === index % 2)).toBe(true)
      expect(bench.page.end(index)).toBe(250n)
    }
    expect(cluster.lookUps).toBe(1)
  })

  test('asks nobody for leaders that main knew, but for those that main did not know or that have moved', async () => {
    const leaders = [0, 1, 1].map((leader, partition) => ({ partition, leader }))
    const known = [{ topic: 't', error: null, partitions: leaders }]
    const current = new FakeCluster(3, (partition) => leaders[partition]?.leader ?? 0)
    current.produce(0, 10)
    const bench = startFetcher(current, { known })
    await soon('the first partition is fetched', () => bench.page.position(0) === 10n)
    expect(current.lookUps).toBe(0)

    const moved = new FakeCluster(4, (partition) => (partition === 0 ? 2 : 1))
    for (const partition of range(0, 4)) moved.produce(partition, 10)
    const other = startFetcher(moved, { known })
    await soon('all are fetched', () => range(0, 4).every((partition) => other.page.position(partition) === 10n))
    expect(moved.lookUps).toBeGreaterThan(0)
    expect(moved.fetchesOf(0).at(-1)?.node).toBe(2)
  })

  test('asks for more before the messages of the last answer are handled', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 5)
    const bench = startFetcher(cluster)
    await soon('the next Fetch is under way', () => cluster.fetches.length === 2)
    expect(bench.get(0).buffer.bytes).toBe(5 * 100)
  })

  test('asks for little at first, so that the first message comes soon, and for as much as is soon used from then on', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 100_000)
    const bench = startFetcher(cluster)
    const asked = () => cluster.fetches.at(-1)?.request.partitions[0]?.maxBytes ?? 0
    await soon('it has asked', () => cluster.fetches.length > 0)
    expect(cluster.fetches[0]?.request.partitions[0]?.maxBytes).toBe(64 * 1024)
    await soon('it asks for more', () => {
      bench.drain(bench.get(0))
      return asked() > 64 * 1024
    })
  })

  test('lets no broker wait for more bytes than it was asked for', async () => {
    const cluster = new FakeCluster(2)
    cluster.produce(0, 5_000)
    const bench = startFetcher(cluster, { consumer: { minBytes: 10_000_000 } })
    await soon('it has asked', () => cluster.fetches.length > 0)
    expect(cluster.fetches[0]?.request.minBytes).toBe(1)
    await soon('it asks the one that has more again, with the one that has nothing', () => {
      bench.drain(bench.get(0))
      return cluster.fetches.some(({ request }, index) => index > 0 && request.partitions.length === 2)
    })
    const { partitions, minBytes } = cluster.fetches.slice(1).find(({ request }) => request.partitions.length === 2)
      ?.request ?? { partitions: [], minBytes: 0 }
    expect(minBytes).toBe(partitions.find(({ partition }) => partition === 0)?.maxBytes)
  })

  test('asks a broker that cuts a large batch off for more and more, and gives up only at the limit', async () => {
    const cluster = new FakeCluster(1)
    cluster.sendsLargeBatches = false
    cluster.partition(0).messageBytes = 900_000
    cluster.produce(0, 2)
    const bench = startFetcher(cluster)
    await soon('the batches are there', () => bench.page.position(0) === 2n)
    expect(bench.posted).toEqual([])
    cluster.partition(0).messageBytes = 1_100_000
    cluster.produce(0, 1)
    bench.drain(bench.get(0))
    await soon('the partition stands still', () => bench.posted.length > 0)
    const limit = expect.stringMatching(
      /Raise consumer.maxBytesPerPartition \(max.partition.fetch.bytes\) to at least 1100000$/,
    )
    expect(bench.posted).toMatchObject([
      { type: 'partition-paused', offset: '2', error: { code: 'KCP_BATCH_TOO_LARGE', message: limit } },
    ])
  })

  test('asks for more when a batch is cut off, although the broker says that nothing is there to be read', async () => {
    const cluster = new FakeCluster(1)
    cluster.sendsLargeBatches = false
    cluster.partition(0).messageBytes = 900_000
    cluster.partition(0).saidEnd = 0
    cluster.produce(0, 1)
    const bench = startFetcher(cluster)
    await soon('the batch is there', () => bench.page.position(0) === 1n)
    expect(cluster.fetches.length).toBeLessThan(10)
  })

  test('reads large batches of many partitions from a broker that cuts them off wherever an answer is full', async () => {
    const cluster = new FakeCluster(5)
    cluster.sendsLargeBatches = false
    for (const partition of range(0, 5)) {
      cluster.partition(partition).messageBytes = 700_000
      cluster.produce(partition, 5)
    }
    const bench = startFetcher(cluster, { consumer: { maxBytes: 1_000_000 } })
    await soon('all of them are read', () => {
      for (const partition of bench.partitions) bench.drain(partition)
      return range(0, 5).every((partition) => bench.page.position(partition) === 5n)
    })
    expect(bench.posted).toEqual([])
  })

  test('asks for a batch that was cut off whole, whatever its memory, and names the option that forbids it', async () => {
    const cluster = new FakeCluster(1)
    cluster.sendsLargeBatches = false
    const partition = cluster.partition(0)
    partition.expansion = 200
    cluster.produce(0, 2)
    const bench = startFetcher(cluster, { consumer: { maxBytes: 1_000_000 } })
    await soon('it is known what batches grow to', () => bench.page.position(0) === 2n)
    partition.messageBytes = 200_000
    partition.expansion = 1
    cluster.produce(0, 1)
    bench.drain(bench.get(0))
    await soon('the batch is there', () => bench.page.position(0) === 3n)
    expect(bench.posted).toEqual([])
    partition.messageBytes = 1_020_000
    cluster.produce(0, 1)
    bench.drain(bench.get(0))
    await soon('the partition stands still', () => bench.posted.length > 0)
    const message = expect.stringContaining('Raise consumer.maxBytes (fetch.max.bytes) to at least 1020000')
    expect(bench.posted).toMatchObject([{ type: 'partition-paused', offset: '3', error: { message } }])
  })

  test('leaves a partition that has enough out, comes back for it soon, and never holds up the others', async () => {
    const cluster = new FakeCluster(2)
    cluster.produce(0, 5_000)
    const bench = startFetcher(cluster)
    await soon('it has enough', () => cluster.fetches.at(-1)?.request.partitions.length === 1)
    expect(bench.get(0).buffer.bytes).toBeLessThanOrEqual(128 * 1024)
    expect(cluster.fetches.at(-1)?.request.maxWaitMs).toBeLessThanOrEqual(100)
    cluster.produce(1, 10)
    await soon('the other one is fetched', () => bench.page.position(1) === 10n)
    const fetched = Number(bench.page.position(0))
    bench.drain(bench.get(0))
    await soon('the first one is fetched again', () => Number(bench.page.position(0)) > fetched)
  })

  test('sends nothing while everybody has enough, and goes on when one has room', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 5_000)
    const bench = startFetcher(cluster)
    await soon('it has enough', () => bench.get(0).buffer.waitingBytes > 64 * 1024)
    const sent = cluster.fetches.length
    await rounds(50)
    expect(cluster.fetches.length).toBe(sent)
    bench.drain(bench.get(0))
    await soon('it is fetched again', () => cluster.fetches.length > sent)
  })

  test('does not look again at each end of a turn whether there is room, as with many handlers in flight there are thousands', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 1_000_000)
    const bench = startFetcher(cluster)
    await soon('it has enough', () => bench.get(0).buffer.waitingBytes > 64 * 1024)
    await rounds(20)
    const fetches = cluster.fetches.length
    const { appetite } = bench.get(0).fetching
    let looks = 0
    const handled = appetite.handled.bind(appetite)
    appetite.handled = (...more) => {
      looks++
      handled(...more)
    }
    const beganMs = performance.now()
    for (let turn = 0; turn < 500; turn++) {
      bench.fetcher.hasRoom(bench.get(0))
      await rounds(1)
    }
    expect(cluster.fetches.length).toBe(fetches)
    expect(looks).toBeLessThan(5 + (performance.now() - beganMs) / 4)
  })

  test('ignores the answer for a partition that was dropped meanwhile', async () => {
    const cluster = new FakeCluster(1)
    const bench = startFetcher(cluster)
    await soon('a Fetch is held', () => cluster.fetches.length === 1)
    const dropped = bench.get(0)
    bench.partitions.drop([dropped.id])
    cluster.produce(0, 10)
    await rounds()
    expect(dropped.buffer.empty).toBe(true)
    expect(bench.page.position(0)).toBe(0n)
  })

  test('ignores an answer for an offset that it has fetched already, from whichever node', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster)
    const partition = bench.get(0)
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    const request = { partition, offset: 0, leaderEpoch: -1, maxBytes: 1_000_000 }
    const again = {
      topic: 't',
      partition: 0,
      error: null,
      end: 10,
      preferredReadReplica: -1,
      batch: batch('t', 0, range(0, 20)),
      cutOff: null,
      undecodable: null,
    }
    expect(bench.fetcher.answered(2, [request], [again])).toBe(false)
    expect(bench.drain(partition)).toEqual(range(0, 10))
  })

  test('has main look for a later leader while its Fetch is at a broker that does not answer, and goes there at once', async () => {
    const cluster = new FakeCluster(2, () => 1)
    for (const index of [0, 1]) cluster.partition(index).leaderEpoch = 5
    cluster.frozen.add(1)
    const bench = startFetcher(cluster, { consumer: { maxWaitTimeInMs: 10 } })
    await soon('main is told', () => bench.posted.length > 0, 10_000)
    const lost = { topic: 't', leader: 1, leaderEpoch: 5 }
    expect(bench.posted).toEqual([
      { type: 'leaders-lost', partitions: [0, 1].map((partition) => ({ ...lost, partition })) },
    ])
    expect([bench.lines, cluster.fetches.length]).toEqual([[], 1])

    Object.assign(cluster.partition(0), { leader: 2, leaderEpoch: 6 })
    cluster.produce(0, 10)
    const moved = { partition: 0, leader: 2, leaderEpoch: 6 }
    bench.fetcher.told({ brokers: [], topics: [{ topic: 't', error: null, partitions: [moved] }] })
    await soon('it is fetched from there', () => bench.page.position(0) === 10n)
    expect(cluster.fetches.filter(({ node }) => node === 1)).toHaveLength(1)
  })

  test('leaves a follower that does not answer a Fetch for the leader', async () => {
    const cluster = new FakeCluster(1, () => 1)
    cluster.partition(0).preferredReadReplica = 2
    cluster.frozen.add(2)
    const bench = startFetcher(cluster, { consumer: { maxWaitTimeInMs: 10, rackId: 'here' } })
    await soon('the follower is asked', () => cluster.fetches.some(({ node }) => node === 2))
    cluster.produce(0, 10)
    await soon('it is fetched from the leader', () => bench.page.position(0) === 10n, 10_000)
  })

  test('takes up partitions that are added later', async () => {
    const cluster = new FakeCluster(2)
    const bench = startFetcher(cluster)
    bench.partitions.drop([1])
    await soon('a Fetch is held', () => cluster.fetches.length === 1)
    const [added] = bench.partitions.add(
      [{ id: 7, topic: 't', partition: 1, index: 1, offset: '3', batchBytes: 0 }],
      bench.page,
    )
    bench.fetcher.take()
    cluster.produce(1, 10)
    cluster.produce(0, 1)
    await soon('it is fetched', () => bench.page.position(1) === 10n)
    expect(added === undefined ? [] : bench.drain(added)).toEqual(range(3, 10))
  })

  test('does not ask a broker in a tight loop that answers nothing without having waited', async () => {
    const cluster = new FakeCluster(1)
    startFetcher(cluster, { consumer: { maxWaitTimeInMs: 0 } })
    await soon('it has asked', () => cluster.fetches.length > 0)
    const asked = cluster.fetches.length
    await soon('it asks again', () => cluster.fetches.length >= asked + 2)
    await rounds(100)
    expect(cluster.fetches.length).toBeLessThan(asked + 100)
  })

  test('asks a broker less and less that says there is more, and sends nothing of it', async () => {
    const cluster = new FakeCluster(1)
    const asked: number[] = []
    const client = cluster.client()
    client.fetch = async (_, { partitions }) => {
      asked.push(performance.now())
      const empty = {
        error: null,
        end: 10,
        preferredReadReplica: -1,
        batch: null,
        cutOff: null,
        undecodable: null,
      }
      return partitions.map(({ topic, partition }) => ({ topic, partition, ...empty }))
    }
    cluster.client = () => client
    startFetcher(cluster)
    await soon('it has asked eight times', () => asked.length >= 8)
    expect((asked[7] ?? 0) - (asked[0] ?? 0)).toBeGreaterThan(100) // pauses of 2, 4, … 64, 100 ms
  })
})

const MIB = 1024 * 1024

/** What the dispatcher does with a partition whose message has failed. */
const waitForRetry = (partition: Partition): void => {
  for (const state of ['queued', 'running', 'waiting'] as const) partition.enter(state)
}

describe('a batch that kills', () => {
  test('is asked for in pieces, until what is fetched has got past it', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 100)
    const bench = startFetcher(cluster, { piecesUpTo: '99' })
    await soon(
      'all is fetched, and more asked for',
      () => cluster.fetches.at(-1)?.request.partitions[0]?.offset === 100,
    )
    const asked = cluster.fetches.map(({ request }) => request.partitions[0])
    expect(asked.map((wanted) => [wanted?.offset, wanted?.mostMessages !== undefined])).toEqual([
      [0, true],
      [100, false],
    ])
    expect(bench.drain(bench.get(0))).toEqual(range(0, 100))
  })

  test('is not decoded once it is convicted: its partition stands before it, with what is hidden there passed over', async () => {
    const cluster = new FakeCluster(1)
    cluster.produce(0, 5)
    let answered = 0
    const bench = startFetcher(cluster, { stopsAt: '9' }, (client) => ({
      fetch: async (node, request) => {
        expect(request.partitions[0]?.stopsAt).toBe(9)
        answered++
        if (answered === 1) return client.fetch(node, request)
        const nothing = { error: null, end: 20, preferredReadReplica: -1, batch: null, cutOff: null, undecodable: null }
        return [{ topic: 't', partition: 0, ...nothing, stopped: true }]
      },
    }))
    await soon('it stands there', () => bench.page.position(0) === 9n)
    await rounds(10)
    expect(answered).toBe(2)
    expect([bench.get(0).fetching.halted, bench.get(0).buffer.head?.nextOffset, bench.posted]).toEqual([true, 9, []])
  })

  test('stands in the ledger while it is decoded', async () => {
    const cluster = new FakeCluster(2)
    cluster.produce(1, 5)
    const seen: unknown[] = []
    const bench = startFetcher(cluster, {}, (client) => ({
      fetch: (node, request) => {
        request.partitions[1]?.decoding?.({ first: 3, last: 2 ** 40 })
        seen.push(bench.ledger.decoding)
        request.partitions[1]?.decoding?.({ first: 3, last: 4, waits: true })
        seen.push(bench.ledger.decoding)
        request.partitions[1]?.decoding?.(null)
        return client.fetch(node, request)
      },
    }))
    await soon('something is fetched', () => bench.page.position(1) === 5n)
    expect(seen[0]).toEqual({ partitionId: 1, first: 3n, last: 2n ** 40n, waits: false })
    expect(seen[1]).toEqual({ partitionId: 1, first: 3n, last: 4n, waits: true })
    expect([bench.ledger.decoding, bench.ledger.flights()]).toEqual([null, []])
  })
})

describe('memory', () => {
  const heldBytes = (bench: FetcherBench) => [...bench.partitions].reduce((sum, { buffer }) => sum + buffer.bytes, 0)

  test.each([
    ['of one node', () => 1],
    ['of three nodes', (partition: number) => partition % 3],
  ])('is bounded for 200 partitions %s with batches of 1 MiB, and all of them are read', async (_, leader) => {
    const cluster = new FakeCluster(200, leader)
    for (const partition of range(0, 200)) {
      cluster.partition(partition).messageBytes = MIB
      cluster.produce(partition, 2)
    }
    const bench = startFetcher(cluster)
    const nodes = new Set(cluster.partitions.map((partition) => partition.leader)).size
    const handled = new Map<number, number>()
    let most = 0
    await soon(
      'all are read',
      () => {
        most = Math.max(most, heldBytes(bench))
        const partition = [...bench.partitions].find(({ buffer }) => !buffer.empty)
        if (partition === undefined) return false
        handled.set(partition.id, (handled.get(partition.id) ?? 0) + bench.drain(partition).length)
        return handled.size === 200 && [...handled.values()].every((count) => count === 2)
      },
      30_000,
    )
    expect(most).toBeGreaterThan(12 * MIB)
    expect(most).toBeLessThanOrEqual(16 * MIB + nodes * MIB)
  })

  test('that partitions hold while they wait for a retry is let go when others have nothing, and fetched again later', async () => {
    const cluster = new FakeCluster(40)
    for (const partition of range(0, 40)) {
      cluster.partition(partition).messageBytes = MIB
      cluster.produce(partition, 1)
    }
    const bench = startFetcher(cluster)
    await soon('there is no room', () => heldBytes(bench) >= 16 * MIB)
    const waiting = [...bench.partitions].filter(({ buffer }) => !buffer.empty)
    for (const partition of waiting) waitForRetry(partition)
    const handled = new Set<number>()
    const drainOthers = () => {
      for (const partition of bench.partitions) {
        if (partition.handling !== 'waiting' && bench.drain(partition).length > 0) handled.add(partition.id)
      }
    }
    await soon('the others are read', () => {
      drainOthers()
      return handled.size === 40 - waiting.length
    })
    for (const partition of waiting) {
      expect(partition.buffer.empty).toBe(true)
      partition.enter('idle')
      bench.fetcher.hasRoom(partition)
    }
    await soon('they are read too', () => {
      drainOthers()
      return handled.size === 40
    })
  })

  test('is let go after a second without any of it, and not because there was none at some time before', async () => {
    const cluster = new FakeCluster(9)
    for (const partition of range(0, 9)) {
      cluster.partition(partition).messageBytes = MIB
      cluster.produce(partition, 2)
    }
    let aheadMs = 0
    let looks = 0
    const bench = startFetcher(cluster, { now: () => monotonicMs() + aheadMs })
    const each = bench.partitions[Symbol.iterator].bind(bench.partitions)
    bench.partitions[Symbol.iterator] = () => {
      looks++
      return each()
    }
    const look = async (partition: Partition) => {
      const before = looks
      bench.fetcher.hasRoom(partition)
      await soon('it looks', () => looks > before)
    }
    const [inFlight, waiting, late] = [bench.get(0), bench.get(1), bench.get(8)]
    late.fetching.halted = true
    await soon('there is no room', () => heldBytes(bench) === 16 * MIB)
    await look(inFlight)
    inFlight.inFlight = true
    await look(inFlight) // there is room, and nobody who needs it
    aheadMs = 2_000
    inFlight.inFlight = false
    waitForRetry(waiting)
    late.fetching.halted = false
    bench.fetcher.take()
    await soon('its leader is known', () => late.node !== null)
    await look(late)
    await look(late)
    expect(waiting.buffer.empty).toBe(false)
    aheadMs = 4_000
    await look(late)
    await soon('it is let go', () => waiting.buffer.empty)
  })

  test('is there for the partitions of every node, however much is held of one that is not fetched any more', async () => {
    const cluster = new FakeCluster(3, (partition) => (partition === 2 ? 2 : 1))
    Object.assign(cluster.partition(0), { messageBytes: MIB, expansion: 20, undecodable: new Error('No codec.') })
    cluster.produce(0, 1)
    const bench = startFetcher(cluster)
    const partition = bench.get(0)
    await soon('it is fetched', () => bench.page.position(0) === 1n)
    partition.inFlight = true
    bench.fetcher.hasRoom(partition)
    await soon('it stands still behind that', () => bench.posted.some(({ type }) => type === 'partition-paused'))
    for (const other of [1, 2]) cluster.produce(other, 10)
    await soon('the others are read', () => {
      for (const other of [1, 2]) bench.drain(bench.get(other))
      return [1, 2].every((other) => bench.page.position(other) === 10n)
    })
    cluster.produce(1, 10)
    cluster.produce(2, 10)
    await soon('they go on', () => {
      for (const other of [1, 2]) bench.drain(bench.get(other))
      return [1, 2].every((other) => bench.page.position(other) === 20n)
    })
    expect(heldBytes(bench)).toBe(20 * MIB)
  })

  test('is asked for less of a partition whose batches grow when they are decompressed, however small its last answer', async () => {
    const cluster = new FakeCluster(1)
    Object.assign(cluster.partition(0), { messageBytes: 1_000, expansion: 100 })
    cluster.produce(0, 1)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 1n)
    expect(bench.get(0).fetching.appetite.expansion).toBe(100)
  })
})

describe('a leader that moves', () => {
  test.each([
    'NOT_LEADER_FOR_PARTITION',
    'FENCED_LEADER_EPOCH',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ])('is looked up again after %s, and nothing is lost or fetched twice', async (error) => {
    const cluster = new FakeCluster(2)
    const bench = startFetcher(cluster)
    await soon('a Fetch is held', () => cluster.fetches.length === 1)
    cluster.partition(0).leader = 2
    cluster.partition(0).errors.push(error)
    cluster.produce(0, 10)
    cluster.produce(1, 10)
    await soon('both are fetched', () => bench.page.position(0) === 10n && bench.page.position(1) === 10n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 10))
    expect(cluster.fetches.at(-1)?.node).toBe(2)
    expect(bench.get(0).fetching.failures).toBe(0)
    expect(cluster.lookUps).toBe(2)
  })

  test('is looked up again when its node does not answer', async () => {
    const cluster = new FakeCluster(1)
    cluster.broken.set(1, 1)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    expect(cluster.lookUps).toBe(2)
  })

  test('causes no storm while nobody leads', async () => {
    const cluster = new FakeCluster(8, () => -1)
    const bench = startFetcher(cluster)
    await soon('it has been said', () => bench.lines.length > 0)
    expect(cluster.lookUps).toBe(3)
    expect(bench.lines).toMatchObject([{ level: 40, msg: expect.stringContaining('8 partition(s)') }])
    const beganMs = performance.now()
    await soon('it looks for the fifth time', () => cluster.lookUps === 5)
    expect(performance.now() - beganMs).toBeGreaterThan(300)
    for (const partition of cluster.partitions) partition.leader = 1
    cluster.produce(0, 1)
    await soon('it goes on', () => bench.page.position(0) === 1n)
  })
})

describe('an offset that is not on the broker', () => {
  test.each([
    [true, 100, range(100, 150)],
    [false, 150, []],
  ])('is replaced as fromBeginning: %s says, with a message', async (fromBeginning, to, handled) => {
    const cluster = new FakeCluster(1)
    cluster.partition(0).start = 100
    cluster.produce(0, 150)
    const bench = startFetcher(cluster, { fromBeginning, offset: 7 })
    await soon('it has gone on to the end', () => bench.page.position(0) === 150n)
    expect(bench.posted).toEqual([
      { type: 'offset-reset', partitionId: 0, from: '7', to: String(to), reason: 'out-of-range' },
    ])
    expect(bench.get(0).buffer.head?.nextOffset).toBe(to)
    expect(bench.drain(bench.get(0))).toEqual(handled)
  })

  test('is replaced again and again with pauses in between', async () => {
    const cluster = new FakeCluster(1)
    cluster.partition(0).errors.push(...range(0, 2).map(() => 'OFFSET_OUT_OF_RANGE'))
    cluster.produce(0, 5)
    const bench = startFetcher(cluster)
    await soon('it is fetched', () => bench.page.position(0) === 5n)
    expect(cluster.resets).toBe(2)
    expect(cluster.lookUps).toBe(2)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 5))
  })
})

describe('a first Fetch that may bring much', () => {
  const large = { batchBytes: 900_000 }

  test('is two, and what the first one brings is there before the second is answered', async () => {
    const cluster = new FakeCluster(3)
    for (const index of [0, 1, 2]) cluster.produce(index, 10)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const bench = startFetcher(cluster, large, ({ fetch }) => ({
      fetch: async (node, request) => {
        const answer = await fetch(node, request)
        if (request.partitions.length > 1) await held
        return answer
      },
    }))
    await soon('the first is there', () => bench.page.position(0) === 10n)
    expect(bench.fetcher.awaitsFirst).toBe(true)
    expect(cluster.fetches.map(({ request }) => request.partitions.map(({ partition }) => partition))).toEqual([
      [0],
      [1, 2],
    ])
    expect(cluster.fetches.map(({ request }) => request.maxWaitMs)).toEqual([0, 0])
    expect([1, 2].map((index) => bench.page.position(index))).toEqual([0n, 0n])
    release()
    await soon('the others are there', () => [1, 2].every((index) => bench.page.position(index) === 10n))
    await soon('the next Fetch is for all of them', () => cluster.fetches.at(-1)?.request.partitions.length === 3)
    expect(bench.fetcher.awaitsFirst).toBe(false)
    expect([0, 1, 2].map((index) => bench.drain(bench.get(index)))).toEqual([0, 1, 2].map(() => range(0, 10)))
  })

  test('waits for nobody: an empty partition that stands first holds the others up no longer than one with messages', async () => {
    const cluster = new FakeCluster(3)
    cluster.produce(2, 10)
    const bench = startFetcher(cluster, { ...large, consumer: { maxWaitTimeInMs: 60_000 } })
    await soon('what is there has come', () => bench.page.position(2) === 10n)
    await soon('the next Fetch waits', () => cluster.fetches.at(-1)?.request.maxWaitMs === 60_000)
    expect(cluster.fetches).toHaveLength(3)
  })

  test('tells what goes wrong with both as if it were one', async () => {
    const refused = new FakeCluster(3)
    for (const { errors } of refused.partitions) errors.push('TOPIC_AUTHORIZATION_FAILED')
    const bench = startFetcher(refused, large)
    await soon('it is said', () => bench.lines.some(({ level }) => level === 50))
    await rounds(20)
    expect(bench.lines.filter(({ level }) => level === 50)).toMatchObject([{ partitions: ['t-0', 't-1', 't-2'] }])

    const broken = new FakeCluster(3)
    broken.broken.set(1, 2)
    const other = startFetcher(broken, large)
    await soon('main is told', () => other.posted.length > 0)
    await rounds(20)
    expect(other.posted).toMatchObject([{ partitions: [{ partition: 0 }, { partition: 1 }, { partition: 2 }] }])
    broken.produce(1, 10)
    await soon('it goes on', () => other.page.position(1) === 10n)
  })

  test('has main look once for the leaders of both while neither is answered', async () => {
    const cluster = new FakeCluster(3)
    cluster.frozen.add(1)
    const bench = startFetcher(cluster, large)
    await soon('both have left', () => cluster.fetches.length === 2)
    expect(bench.posted).toMatchObject([
      { type: 'leaders-lost', partitions: [{ partition: 0 }, { partition: 1 }, { partition: 2 }] },
    ])
  })

  test('has main look for the leaders of the second alone when the first is answered', async () => {
    const cluster = new FakeCluster(3)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster, large, ({ fetch }) => ({
      fetch: async (node, request) => {
        if (request.partitions.length > 1) cluster.frozen.add(1)
        return fetch(node, request)
      },
    }))
    await soon('the first is there', () => bench.page.position(0) === 10n)
    expect(bench.posted).toMatchObject([{ partitions: [{ partition: 1 }, { partition: 2 }] }])
  })
})

describe('a partition that cannot be read', () => {
  test('stands still with a message, while the others go on', async () => {
    const cluster = new FakeCluster(2)
    cluster.partition(0).undecodable = new Error('No codec for snappy.')
    cluster.produce(0, 5)
    cluster.produce(1, 5)
    const bench = startFetcher(cluster)
    await soon('it stands still', () => bench.posted.length === 1)
    expect(bench.posted).toMatchObject([
      { type: 'partition-paused', partitionId: 0, offset: '5', error: { message: 'No codec for snappy.' } },
    ])
    expect(bench.drain(bench.get(0))).toEqual(range(0, 5))
    cluster.produce(1, 5)
    await soon('the other one goes on', () => bench.page.position(1) === 10n)
    expect(cluster.fetches.at(-1)?.request.partitions.map(({ partition }) => partition)).toEqual([1])
  })

  const damaged = () => new PoolError('KCP_BATCH_UNDECODABLE', 'its checksum is wrong')

  test.each([
    ['whose batch is damaged when it arrives', (log: FakePartition) => Object.assign(log, { undecodable: damaged() })],
    [
      'that the broker cannot read',
      (log: FakePartition) => log.errors.push(...range(0, 3).map(() => 'CORRUPT_MESSAGE')),
    ],
  ])('%s is asked again, with pauses and a word, and goes on when it can be read', async (_, harm) => {
    const cluster = new FakeCluster(1)
    harm(cluster.partition(0))
    const bench = startFetcher(cluster)
    await soon('it was asked three times', () => cluster.fetches.length >= 3)
    cluster.partition(0).undecodable = null
    cluster.produce(0, 5)
    await soon('it is fetched', () => bench.page.position(0) === 5n)
    expect(bench.posted).toEqual([])
    expect(cluster.lookUps).toBeGreaterThanOrEqual(3)
    expect(bench.lines[0]).toMatchObject({ level: 40, msg: expect.stringContaining('cannot fetch') })
    expect(bench.get(0).fetching.unreadable).toBe(0)
  })

  test.each([
    ['whose batch is damaged', (log: FakePartition) => Object.assign(log, { undecodable: damaged() }), 'checksum'],
    [
      'that the broker cannot read',
      (log: FakePartition) => log.errors.push(...range(0, 20).map(() => 'CORRUPT_MESSAGE')),
      'broker 1 itself (CORRUPT_MESSAGE)',
    ],
  ])('%s each time stands still after six times, by the same rule', async (_, harm, reason) => {
    const cluster = new FakeCluster(1)
    harm(cluster.partition(0))
    const bench = startFetcher(cluster)
    await soon('it stands still', () => bench.posted.length === 1)
    expect(cluster.fetches.length).toBe(6)
    const error = { code: 'KCP_BATCH_UNDECODABLE', message: expect.stringContaining(reason) }
    expect(bench.posted).toMatchObject([{ type: 'partition-paused', partitionId: 0, offset: '0', error }])
  })

  test('because of an ACL is said so once for the topic, is tried again much later, and its end is not known any more', async () => {
    const cluster = new FakeCluster(2)
    for (const { errors } of cluster.partitions) errors.push('TOPIC_AUTHORIZATION_FAILED')
    const bench = startFetcher(cluster)
    bench.page.fetched(0, 0, 0)
    await soon('it is said', () => bench.lines.some(({ level }) => level === 50))
    await rounds(20)
    expect(bench.lines.filter(({ level }) => level === 50)).toMatchObject([
      { partitions: ['t-0', 't-1'], msg: expect.stringMatching(/topic t: .*Read and Describe/) },
    ])
    expect(Number(bench.page.end(0))).toBe(NO_END)
    expect(cluster.fetches.length).toBe(1)
  })
})

describe('with a rack id', () => {
  test('messages come from the replica that the leader prefers, and from the leader when that one fails', async () => {
    const cluster = new FakeCluster(1)
    cluster.partition(0).preferredReadReplica = 5
    cluster.produce(0, 10)
    const bench = startFetcher(cluster, { consumer: { rackId: 'here' } })
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    expect(cluster.fetches.map(({ node }) => node).slice(0, 2)).toEqual([1, 5])
    cluster.partition(0).preferredReadReplica = -1
    cluster.broken.set(5, 1)
    cluster.produce(0, 10)
    await soon('the rest is fetched', () => bench.page.position(0) === 20n)
    expect(cluster.fetches.at(-1)?.node).toBe(1)
  })

  test.each([
    ['cannot be reached', (cluster: FakeCluster) => void cluster.broken.set(5, Number.POSITIVE_INFINITY)],
    [
      'answers with an error',
      (cluster: FakeCluster) => {
        cluster.partition(0).followerError = 'OFFSET_OUT_OF_RANGE'
      },
    ],
  ])('messages come from the leader while the replica that it prefers %s, which is said once and needs no look-up', async (_, fail) => {
    const cluster = new FakeCluster(1)
    cluster.partition(0).preferredReadReplica = 5
    fail(cluster)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster, { consumer: { rackId: 'here' } })
    await soon('it is fetched', () => bench.page.position(0) === 10n)
    cluster.produce(0, 10)
    await soon('the rest is fetched', () => bench.page.position(0) === 20n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 20))
    expect(cluster.fetches.slice(0, 3).map(({ node }) => node)).toEqual([1, 5, 1])
    expect(cluster.fetches.filter(({ node }) => node === 5).length).toBe(1)
    expect(cluster.lookUps).toBe(1)
    expect(bench.lines.filter(({ level }) => level >= 40)).toMatchObject([
      { level: 40, msg: expect.stringMatching(/^node 5 cannot be read from.*going on with the leaders/) },
    ])
  })

  test('a replica that failed is tried again after a while, and it is said when it can be read again', async () => {
    const cluster = new FakeCluster(1)
    cluster.partition(0).preferredReadReplica = 5
    cluster.broken.set(5, 1)
    cluster.produce(0, 10)
    const bench = startFetcher(cluster, { consumer: { rackId: 'here', metadataMaxAge: 50, maxWaitTimeInMs: 10 } })
    await soon('the leader is read from', () => bench.page.position(0) === 10n)
    await soon('the replica is read from', () => cluster.fetches.filter(({ node }) => node === 5).length > 1)
    await soon('it is said', () => bench.lines.some(({ level, msg }) => level === 30 && msg.startsWith('no longer')))
    cluster.produce(0, 10)
    await soon('the rest is fetched', () => bench.page.position(0) === 20n)
    expect(bench.drain(bench.get(0))).toEqual(range(0, 20))
  })
})
