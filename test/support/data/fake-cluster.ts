import type { DataClient } from '#src/kafka/client.js'
import type { FetchedPartition, FetchRequest } from '#src/kafka/fetch.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import type { EpochEnd, EpochQuestion } from '#src/kafka/offsets.js'
import { batch, range } from './batches.js'

/** One partition of the {@link FakeCluster}: its offsets are all numbers from `start` up to `end`. */
export interface FakePartition {
  leader: number
  /** -1 for a broker that tells no epochs. */
  leaderEpoch: number
  /** First offset of each leader epoch. */
  epochStarts: Map<number, number>
  start: number
  end: number
  /** What answers say of the end; null for the truth. */
  saidEnd: number | null
  /** Errors that the next Fetches of this partition get, one each. */
  readonly errors: string[]
  /** Size of each message; each is a record batch. */
  messageBytes: number
  /** Memory for each byte. */
  expansion: number
  preferredReadReplica: number
  /** Error that a follower always answers with. */
  followerError: string | null
  undecodable: Error | null
}

export interface SentFetch {
  readonly node: number
  readonly request: FetchRequest
}

/** Brokers in memory, for what a fetcher asks of a {@link DataClient}. Topic `t` only. */
export class FakeCluster {
  readonly partitions: FakePartition[]
  readonly fetches: SentFetch[] = []
  /** Errors that the next Fetches get whole, per node. */
  readonly broken = new Map<number, number>()
  /** Nodes that accept a Fetch and never answer it. */
  readonly frozen = new Set<number>()
  topicError: string | null = null
  lookUps = 0
  resets = 0
  readonly epochQuestions: { readonly node: number; readonly questions: readonly EpochQuestion[] }[] = []
  /** False for a broker that does not know the request. */
  knowsEpochEnds = true
  /** False for one that cuts off a batch that is larger than what it was asked for, against KIP-74. */
  sendsLargeBatches = true
  closed = false
  readonly #waiting = new Set<() => void>()

  constructor(count: number, leader: (partition: number) => number = () => 1) {
    this.partitions = range(0, count).map((partition) => ({
      leader: leader(partition),
      leaderEpoch: -1,
      epochStarts: new Map(),
      start: 0,
      end: 0,
      saidEnd: null,
      errors: [],
      messageBytes: 100,
      expansion: 1,
      preferredReadReplica: -1,
      followerError: null,
      undecodable: null,
    }))
  }

  partition(index: number): FakePartition {
    const found = this.partitions[index]
    if (found === undefined) throw new Error(`no partition ${index}`)
    return found
  }

  /** Something changed: Fetches that are held look again. */
  changed(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** A new leader whose log is cut off at `end`, as after an unclean election, or goes on. */
  elect(index: number, leader: number, end = this.partition(index).end): void {
    const log = this.partition(index)
    log.leader = leader
    log.leaderEpoch++
    log.end = end
    for (const [epoch, start] of log.epochStarts) if (start >= end) log.epochStarts.delete(epoch)
    log.epochStarts.set(log.leaderEpoch, end)
    this.changed()
  }

  produce(index: number, count: number): void {
    this.partition(index).end += count
    this.changed()
  }

  /** Fetches that ask for this partition. */
  fetchesOf(index: number): SentFetch[] {
    return this.fetches.filter(({ request }) => request.partitions.some(({ partition }) => partition === index))
  }

  client(): DataClient {
    return {
      clientId: 'fake',
      arrivingBytes: 0,
      view: () => ({ brokers: [], topics: [] }),
      learn: () => {},
      endsOfEpochs: (node, questions) => this.#endsOfEpochs(node, questions),
      connect: () => Promise.resolve(),
      close: () => {
        this.closed = true
        this.changed()
      },
      topics: (names) => this.#topics(names),
      fetch: (node, request) => this.#fetch(node, request),
      listOffsets: async (partitions, at) => {
        this.resets++
        await Promise.resolve()
        return partitions.map(({ topic, partition }) => {
          const { start, end } = this.partition(partition)
          return { topic, partition, offset: BigInt(at === 'earliest' ? start : end) }
        })
      },
    }
  }

  async #topics(names: readonly string[]): Promise<TopicMetadata[]> {
    this.lookUps++
    await Promise.resolve()
    const partitions = this.partitions.map(({ leader, leaderEpoch }, partition) => ({ partition, leader, leaderEpoch }))
    return names.map((topic) => ({ topic, error: this.topicError, partitions: this.topicError ? [] : partitions }))
  }

  async #endsOfEpochs(node: number, questions: readonly EpochQuestion[]): Promise<EpochEnd[] | null> {
    this.epochQuestions.push({ node, questions })
    await Promise.resolve()
    if (!this.knowsEpochEnds) return null
    const broken = this.broken.get(node) ?? 0
    if (broken > 0) {
      this.broken.set(node, broken - 1)
      throw new KafkaError('CONNECTION', -1, true, `no connection to node ${node}`)
    }
    return questions.map(({ topic, partition, currentLeaderEpoch, leaderEpoch }) => {
      const log = this.partition(partition)
      const end = (error: string | null, epoch = -1, endOffset = -1) => ({
        topic,
        partition,
        error,
        leaderEpoch: epoch,
        endOffset,
      })
      const planned = log.errors.shift()
      if (planned !== undefined) return end(planned)
      if (node !== log.leader) return end('NOT_LEADER_FOR_PARTITION')
      if (currentLeaderEpoch !== log.leaderEpoch) return end('FENCED_LEADER_EPOCH')
      const epochs = [...log.epochStarts].sort(([a], [b]) => a - b)
      const at = epochs.findLastIndex(([epoch]) => epoch <= leaderEpoch)
      if (leaderEpoch > log.leaderEpoch || at === -1) return end(null)
      return end(null, epochs[at]?.[0], epochs[at + 1]?.[1] ?? log.end)
    })
  }

  async #fetch(node: number, request: FetchRequest): Promise<FetchedPartition[]> {
    this.fetches.push({ node, request })
    const endMs = performance.now() + request.maxWaitMs
    for (;;) {
      const broken = this.broken.get(node) ?? 0
      if (broken > 0) this.broken.set(node, broken - 1)
      if (this.closed || broken > 0) throw new KafkaError('CONNECTION', -1, true, `no connection to node ${node}`)
      if (this.frozen.has(node)) {
        request.late?.tell()
        await this.#change(60_000)
        continue
      }
      const answer = this.#answerAll(node, request)
      const due = answer.some(
        ({ batch, cutOff, error, undecodable, preferredReadReplica }) =>
          [batch, cutOff, error, undecodable].some((part) => part !== null) || preferredReadReplica !== -1,
      )
      if (due || performance.now() >= endMs) return answer
      await this.#change(endMs - performance.now())
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const timer = setTimeout(look, ms)
      this.#waiting.add(look)
    })
  }

  /** As brokers do it (KIP-74): in order, and of the first that has anything at least one batch, however large. */
  #answerAll(node: number, { partitions, maxBytes, roomBytes, rackId }: FetchRequest): FetchedPartition[] {
    let leftBytes = maxBytes
    let room = roomBytes ?? Number.POSITIVE_INFINITY
    let least = 1
    return partitions.map((wanted) => {
      const { messageBytes } = this.partition(wanted.partition)
      const allowedBytes = Math.min(wanted.maxBytes, leftBytes)
      const most = Math.max(least, Math.floor(Math.min(allowedBytes, room) / messageBytes))
      const fetched = this.#answer(node, wanted, rackId, most, allowedBytes)
      if (fetched.batch !== null) least = 0
      leftBytes -= fetched.batch?.receivedBytes ?? fetched.cutOff?.cameBytes ?? 0
      room -= fetched.batch?.bytes ?? 0
      return fetched
    })
  }

  #answer(
    node: number,
    wanted: FetchRequest['partitions'][number],
    rackId: string | null,
    most: number,
    allowedBytes: number,
  ): FetchedPartition {
    const log = this.partition(wanted.partition)
    const { topic, partition, offset } = wanted
    const answer = (more: Partial<FetchedPartition>): FetchedPartition => ({
      topic,
      partition,
      error: null,
      end: log.saidEnd ?? log.end,
      preferredReadReplica: -1,
      batch: null,
      cutOff: null,
      undecodable: null,
      ...more,
    })
    const planned = log.errors.shift() ?? (node === log.leader ? undefined : log.followerError)
    if (planned != null) return answer({ error: planned })
    if (log.preferredReadReplica !== -1 && node === log.leader && rackId !== null)
      return answer({ preferredReadReplica: log.preferredReadReplica })
    if (node !== log.leader && node !== log.preferredReadReplica) return answer({ error: 'NOT_LEADER_FOR_PARTITION' })
    const { currentLeaderEpoch: epoch = -1 } = wanted
    if (epoch >= 0 && epoch < log.leaderEpoch) return answer({ error: 'FENCED_LEADER_EPOCH' })
    if (epoch > log.leaderEpoch) return answer({ error: 'UNKNOWN_LEADER_EPOCH' })
    if (offset < log.start || offset > log.end) return answer({ error: 'OFFSET_OUT_OF_RANGE' })
    if (log.undecodable !== null && offset === log.end) return answer({ undecodable: log.undecodable })
    if (offset === log.end) return answer({})
    if (!this.sendsLargeBatches && log.messageBytes > allowedBytes && allowedBytes > 0)
      return answer({ cutOff: { batchBytes: log.messageBytes, cameBytes: allowedBytes } })
    if (most < 1) return answer({})
    const offsets = range(offset, Math.min(log.end, offset + most))
    const epochOfLast = [...log.epochStarts].filter(([, start]) => start <= (offsets.at(-1) ?? 0)).at(-1)?.[0] ?? -1
    const bytes = offsets.length * log.messageBytes
    return answer({
      batch: {
        ...batch(topic, partition, offsets, undefined, bytes * log.expansion, bytes),
        largestBytes: log.messageBytes,
        leaderEpoch: epochOfLast,
      },
    })
  }
}
