import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { FetchRequest } from '#src/kafka/fetch.js'
import { Control } from '#src/protocol/ledger.js'
import { monotonicMs } from '#src/util/clock.js'
import { Diary } from '../../../support/control/diary.js'
import { Dice } from '../../../support/control/dice.js'
import { range } from '../../../support/data/batches.js'
import { DataPlane } from '../../../support/data/data-plane.js'
import { FakeCluster } from '../../../support/data/fake-cluster.js'
import { SimulatedHandler } from '../../../support/data/simulated-handler.js'

/*
 * A player throws at random at one thread's fetcher and dispatcher what brokers, main and handlers can do to them.
 * DATA_SEEDS says how many lives are played, DATA_SEED where to begin: the seed of a life that went wrong plays it again.
 */

const FIRST = Number(process.env.DATA_SEED ?? 1)
const LIVES = Number(process.env.DATA_SEEDS ?? 60)

const STEP_MS = 100
/** The longest pause of a partition that fails again and again is 2 s, that of a follower 5 s. */
const CALM_MS = 120_000
const LEASE_MS = 1e8
const REFUSALS = [
  ...['NOT_LEADER_FOR_PARTITION', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR', 'OFFSET_NOT_AVAILABLE'],
  ...['UNKNOWN_SERVER_ERROR', 'CORRUPT_MESSAGE'],
]

const newLife = (seed: number) => {
  const dice = new Dice(seed)
  const diary = new Diary()
  vi.spyOn(Math, 'random').mockImplementation(dice.next) // of the jitters
  const count = 1 + dice.below(6)
  const nodes = 1 + dice.below(3)
  const concurrency = 1 + dice.below(3)
  const tellsEpochs = dice.chance(0.6)
  const cluster = new FakeCluster(count, (partition) => 1 + (partition % nodes))
  cluster.sendsLargeBatches = dice.chance(0.8)
  for (const [partition, log] of cluster.partitions.entries()) {
    if (tellsEpochs) cluster.elect(partition, log.leader)
    log.messageBytes = dice.one([100, 100_000, 1_000_000, 3_000_000, 9_000_000, 20_000_000]) ?? 0
    log.expansion = dice.chance(0.3) ? 4 : 1
    cluster.produce(partition, dice.below(30))
  }
  /** The thread takes the place of another, which has seen what comes: its first Fetches are large, and leave as two. */
  const isReplacement = dice.chance(0.5)
  const node = () => 1 + dice.below(nodes)
  const one = () => dice.below(count)

  const handler = new SimulatedHandler({ cluster, concurrency, dice, diary })
  let lagMs = 0

  const plain = cluster.client()
  const client = {
    ...plain,
    fetch: async (from: number, request: FetchRequest) => {
      const answer = await plain.fetch(from, request)
      for (const { batch, partition } of answer)
        for (const message of batch?.messages ?? [])
          Object.assign(message, { version: handler.versionAt(partition, Number(message.offset)) })
      if (lagMs > 0) await new Promise((resolve) => setTimeout(resolve, lagMs))
      return answer
    },
  }

  const initialDelayMs = dice.one([1, 50, 4_000]) ?? 1
  const plane = new DataPlane({
    ...{ client, handler: handler.handle, concurrency, post: handler.hear },
    ...{ rackId: dice.chance(0.3) ? 'rack' : null, bufferBytes: 40_000_000 },
    policy: {
      retry: { attempts: 3, initialDelayMs, maxDelayMs: 5_000 },
      onExhausted: dice.chance(0.5) ? 'skip' : 'pause',
      deadLetter: null,
    },
  })
  const { ledger, fetcher, dispatcher } = plane
  handler.plane = plane

  const goOn = () => {
    ledger.clear(Control.rebalance)
    dispatcher.scheduleAll()
  }
  const harm: Readonly<Record<string, () => void>> = {
    'messages come': () => cluster.produce(one(), 1 + dice.below(10)),
    'more messages come': () => cluster.produce(one(), 1 + dice.below(30)),
    'another node leads': () => {
      const [partition, leader] = [one(), node()]
      if (tellsEpochs) cluster.elect(partition, leader)
      else cluster.partition(partition).leader = leader
      cluster.changed()
    },
    'a log is cut off': () => {
      const partition = one()
      const { start, end } = cluster.partition(partition)
      if (!tellsEpochs) return
      cluster.elect(partition, node(), Math.max(start, end - dice.below(8)))
      cluster.produce(partition, 1 + dice.below(12))
    },
    'a Fetch is refused': () => cluster.partition(one()).errors.push(dice.one(REFUSALS) ?? ''),
    'connections break': () => {
      cluster.broken.set(node(), 1 + dice.below(2))
      cluster.changed()
    },
    'main tells of leaders': () => {
      const partitions = cluster.partitions.map(({ leader, leaderEpoch }, at) => ({
        partition: at,
        leader,
        leaderEpoch,
      }))
      fetcher.told({ brokers: [], topics: [{ topic: 't', error: null, partitions }] })
    },
    'a partition is given away and comes back': () => {
      const partition = one()
      plane.revoke(partition)
      setTimeout(() => plane.assign(partition), dice.below(500))
    },
    'all partitions are given away and come back': () => {
      for (const partition of range(0, count)) plane.revoke(partition)
      setTimeout(() => range(0, count).forEach((partition) => void plane.assign(partition)), dice.below(500))
    },
    'main holds the thread': () => {
      ledger.raise(Control.rebalance)
      setTimeout(goOn, dice.below(2_000))
    },
    'the lease is over': () => {
      ledger.extendLease(monotonicMs() - 1)
      setTimeout(() => ledger.extendLease(monotonicMs() + LEASE_MS), dice.below(2_000))
    },
    'answers are late, or not any more': () => {
      lagMs = dice.chance(0.3) ? dice.below(1_500) : 0
    },
    'a follower is preferred, or not any more': () => {
      const log = cluster.partition(one())
      const other = node()
      log.preferredReadReplica = other === log.leader || dice.chance(0.6) ? -1 : other
      log.followerError = dice.chance(0.3) ? 'OFFSET_OUT_OF_RANGE' : null
      cluster.changed()
    },
    'handlers come back': handler.release,
  }

  const calmDown = () => {
    handler.isCalm = true
    lagMs = 0
    handler.release()
    cluster.broken.clear()
    for (const [partition, log] of cluster.partitions.entries()) {
      log.errors.length = 0
      Object.assign(log, { preferredReadReplica: -1, followerError: null })
      cluster.produce(partition, 1)
    }
  }
  const isOpen = (partition: number) => {
    const held = plane.held[partition]
    if (held === undefined) return false
    // The old log may have been as long as the new one, which nobody has looked at yet.
    return (
      Number(plane.finishedUpTo(held)) !== cluster.partition(partition).end || handler.missing(partition).length > 0
    )
  }

  const live = async () => {
    ledger.extendLease(monotonicMs() + LEASE_MS)
    for (const [partition, { messageBytes }] of cluster.partitions.entries())
      plane.assign(partition, isReplacement ? messageBytes : 0)
    fetcher.start()
    for (let left = 40 + dice.below(60); left > 0; left--) {
      const what = dice.one(Object.keys(harm)) ?? ''
      diary.event(what)
      harm[what]?.()
      await vi.advanceTimersByTimeAsync(dice.below(1_200))
    }
    diary.event('nothing goes wrong any more')
    calmDown()
    for (let leftMs = CALM_MS; leftMs > 0 && range(0, count).some(isOpen); leftMs -= STEP_MS) {
      for (const { owned, paused } of [...plane.held]) if (paused !== null) plane.assign(owned.partition)
      await vi.advanceTimersByTimeAsync(STEP_MS)
    }
    for (const partition of range(0, count)) {
      if (isOpen(partition)) diary.fault(`partition ${partition} is not finished`)
      const skipped = handler.missing(partition)
      if (skipped.length > 0) diary.fault(`of partition ${partition} nobody has handled ${skipped}`)
    }
    client.close()
    await Promise.all([plane.close(), vi.advanceTimersByTimeAsync(1_000)])
    for (const fault of plane.faults) diary.fault(String(fault))
    return diary
  }

  return { live }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('whatever brokers, main and handlers do: messages of a partition are handled in order, none that is revoked or finished, and in the end all that the logs have', async () => {
  for (let seed = FIRST; seed < FIRST + LIVES; seed++) {
    const diary = await newLife(seed).live()
    expect(diary.faults, `DATA_SEED=${seed} DATA_SEEDS=1, and at the end of that life:\n${diary.last(60)}`).toEqual([])
  }
}, 600_000)
