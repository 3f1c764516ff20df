import type { PoolError } from '../../errors.js'
import type { CutOffBatch, FetchedPartition } from '../../kafka/fetch.js'
import type { ClusterView } from '../../kafka/metadata.js'
import { batchCutOff, damagedAtBroker } from '../../kafka/records/undecodable.js'
import { toErrorData } from '../../protocol/error-data.js'
import { groupBy } from '../../util/group-by.js'
import { partitionName } from '../../util/partition-name.js'
import type { Partition } from '../partition.js'
import type { FetchContext } from './fetch-context.js'
import { passedOver, type RequestedPartition } from './fetch-outcome.js'
import { judgeFetchError, judgeUnreadable } from './fetch-verdict.js'
import { NodeLoop, type NodeLoopEvents } from './node-loop.js'
import { OffsetReset } from './offset-reset.js'
import { noAnswer, PartitionLeaderFinder } from './partition-leader-finder.js'
import { PositionCheck } from './position-check.js'
import { needsCheck } from './position-verdict.js'
import { Troubles } from './troubles.js'

/** The trouble of a partition that is to begin elsewhere, whoever says what of it. */
const NO_OFFSET = 'no offset to reset to'

/** Keeps the buffers of all partitions filled: one {@link NodeLoop} for each broker node that leads one of them. */
export class Fetcher implements NodeLoopEvents {
  readonly #context: FetchContext
  readonly #loops = new Map<number, NodeLoop>()
  readonly #leaders: PartitionLeaderFinder
  readonly #reset: OffsetReset
  readonly #check: PositionCheck
  readonly #replicaTroubles: Troubles
  #closed = false

  constructor(context: FetchContext) {
    this.#context = context
    this.#replicaTroubles = new Troubles(context.log, context.now)
    this.#leaders = new PartitionLeaderFinder(context, (partition) => this.#found(partition))
    this.#reset = new OffsetReset(context, {
      done: (partition) => this.#wentOn(partition),
      failed: (partition, reason) =>
        this.#leaders.lost([partition], { reason: `${NO_OFFSET} (${reason})`, cause: NO_OFFSET }),
    })
    this.#check = new PositionCheck(context, {
      done: (partition) => this.#route(partition),
      lost: (partition) => this.#reset.begin(partition, 'truncated'),
      refused: (partitions, error) => this.#refusedByLeaders(partitions, error),
      failed: (partitions, reason) => this.#leaders.lost(partitions, noAnswer(reason)),
    })
  }

  /** A Fetch is under way that is the first for one of its partitions. */
  get awaitsFirst(): boolean {
    for (const loop of this.#loops.values()) if (loop.awaitsFirst) return true
    return false
  }

  start(): void {
    this.#leaders.run().catch(this.#context.onFault)
  }

  /** Partitions were added. */
  take(): void {
    this.#leaders.wake()
  }

  /** Main has heard where the leaders are. */
  told({ brokers, topics }: ClusterView): void {
    this.#context.client.learn({ brokers, topics })
    this.#leaders.told(topics)
  }

  /** Some of what was buffered of this partition has been handled, or it may move again. */
  hasRoom({ node, fetching }: Partition): void {
    if (node !== null && !fetching.halted) this.#loops.get(node)?.wake()
    else for (const loop of this.#loops.values()) loop.wake() // what it held was taken from all of them
  }

  close(): void {
    this.#closed = true
    this.#leaders.close()
    for (const loop of this.#loops.values()) loop.close()
  }

  answered(node: number, requested: readonly RequestedPartition[], answer: readonly FetchedPartition[]): boolean {
    const answers = new Map(answer.map((fetched) => [partitionName(fetched), fetched]))
    const refused: { readonly partition: Partition; readonly error: string }[] = []
    const seenBytes = Math.max(0, ...answer.map(({ batch }) => batch?.largestBytes ?? 0))
    let brought = false
    for (const request of requested) {
      const { partition, offset, leaderEpoch } = request
      const fetched = answers.get(partition.key)
      // Dropped, paused, or moved to another offset while the request was under way.
      if (fetched === undefined || partition.fetching.halted || partition.fetching.offset !== offset) continue
      if (partition.fetching.leaderEpoch !== leaderEpoch) continue // what an earlier leader sent may not count any more
      if (passedOver(fetched, offset)) partition.fetching.appetite.passedOver(request.maxBytes, seenBytes)
      if (fetched.error === null) brought = this.#store(node, request, fetched) || brought
      else if (partition.node !== node)
        continue // it is read from elsewhere by now
      else if (!this.#seesToRefusal(node, partition, fetched.error)) refused.push({ partition, error: fetched.error })
    }
    for (const [error, some] of groupBy(refused, (each) => each.error)) {
      this.#refusedByLeaders(
        some.map(({ partition }) => partition),
        error,
      )
    }
    return brought
  }

  failed(node: number, requested: readonly RequestedPartition[], error: unknown): void {
    const reason = `node ${node}: ${toErrorData(error).message}`
    const fromLeader = this.#leaveFollower(node, requested, reason)
    if (fromLeader.length > 0) this.#leaders.lost(fromLeader, noAnswer(reason))
  }

  /** A frozen broker keeps its connections. Whoever reads from it does so until a later leader is known. */
  late(node: number, requested: readonly RequestedPartition[]): void {
    const fromLeader = this.#leaveFollower(node, requested, `node ${node} has not answered a Fetch for long`)
    if (fromLeader.length > 0) this.#leaders.doubted(fromLeader)
  }

  /** @returns those that are read from this node because it leads them */
  #leaveFollower(node: number, requested: readonly RequestedPartition[], reason: string): Partition[] {
    const partitions = requested
      .map(({ partition }) => partition)
      .filter((partition) => partition.node === node && !partition.fetching.halted)
    const readsFollower = ({ fetching }: Partition) => fetching.replica.node === node
    const fromLeader = partitions.filter((partition) => !readsFollower(partition))
    this.#leaveReplica(node, partitions.filter(readsFollower), reason, false)
    return fromLeader
  }

  #found(partition: Partition): void {
    if (needsCheck(partition.fetching)) this.#check.begin(partition)
    else this.#route(partition)
  }

  #route({ node }: Partition): void {
    if (node === null || this.#closed) return
    const running = this.#loops.get(node)
    if (running !== undefined) {
      running.wake()
      return
    }
    const loop = new NodeLoop(node, this.#context, this)
    this.#loops.set(node, loop)
    // It begins after this step, in which leaders of further partitions may be found: the first Fetch asks for them all.
    // It decides to end and leaves the map in one step, so that no partition is ever routed to a loop that has ended.
    Promise.resolve()
      .then(() => loop.run(() => this.#loops.delete(node)))
      .catch(this.#context.onFault)
  }

  #store(node: number, { partition, maxBytes }: RequestedPartition, fetched: FetchedPartition): boolean {
    const { fetching } = partition
    const { batch, cutOff, end, preferredReadReplica } = fetched
    const { consumer, now } = this.#context
    const undecodable = fetched.undecodable ?? this.#tooLarge(partition, cutOff)
    if (cutOff !== null) fetching.appetite.cutOff(maxBytes, cutOff.batchBytes)
    const brought = batch !== null && batch.nextOffset > fetching.offset
    if (fetched.stopped === true) {
      partition.publishPosition(end)
      partition.stop()
      this.#context.onFetched(partition)
      return false
    }
    if (undecodable !== null) {
      partition.publishPosition(end)
      this.#unreadable(node, partition, undecodable)
      return false
    }
    this.#leaders.works(partition)
    if (brought) {
      fetching.unreadable = 0
      partition.feed(batch)
      this.#context.ledger.tally.fetched(batch.receivedBytes)
    }
    fetching.atEnd = fetching.offset >= end && cutOff === null
    fetching.fresh = false
    partition.publishPosition(end)
    if (brought) this.#context.onFetched(partition)
    if (fetching.replica.node === node) this.#replicaTroubles.over(partition)
    const preferred = consumer.rackId === null ? -1 : preferredReadReplica
    if (fetching.replica.answered(node, preferred, now(), consumer.metadataMaxAge)) this.#route(partition)
    return brought
  }

  /** What was cut off and may not be asked for whole. */
  #tooLarge({ topic, partition, fetching: { offset } }: Partition, cutOff: CutOffBatch | null): PoolError | null {
    const { consumer } = this.#context
    if (cutOff === null || cutOff.cameBytes < Math.min(consumer.maxBytesPerPartition, consumer.maxBytes)) return null
    return batchCutOff({ topic, partition, offset }, cutOff, consumer)
  }

  /** Returns false when its leader is what is in question, which is asked for all partitions together. */
  #seesToRefusal(node: number, partition: Partition, error: string): boolean {
    const fromReplica = partition.fetching.replica.node === node
    const verdict = judgeFetchError(error, fromReplica)
    if (verdict === 'denied') return false
    if (verdict === 'unreadable')
      this.#unreadable(node, partition, damagedAtBroker(partition, node, partition.fetching.offset))
    else if (fromReplica) this.#leaveReplica(node, [partition], error, true)
    else if (verdict === 'reset-offset') {
      partition.fetching.failures++
      this.#reset.begin(partition, 'out-of-range')
    } else return false
    return true
  }

  /** All those with the same error in one step: one line, one message to main, one look-up. */
  #refusedByLeaders(partitions: readonly Partition[], error: string): void {
    const verdict = judgeFetchError(error, false)
    if (verdict !== 'denied') this.#leaders.lost(partitions, { reason: error, loud: verdict === 'look-up-loudly' })
    else for (const [topic, some] of groupBy(partitions, (each) => each.topic)) this.#leaders.denied(topic, some)
  }

  /** The leader itself is asked for these, for a while. Nothing is known to be wrong with it. */
  #leaveReplica(node: number, partitions: readonly Partition[], reason: string, answered: boolean): void {
    if (partitions.length === 0) return
    const { now, consumer } = this.#context
    let pauseMs = 0
    for (const partition of partitions) {
      pauseMs = partition.fetching.replica.failed(answered, now(), consumer.metadataMaxAge)
      this.#route(partition)
    }
    const cause = `node ${node} cannot be read from, which the leaders prefer for rack "${consumer.rackId}"`
    const message = `${cause} (${reason}): going on with the leaders of ${partitions.length} partition(s) for ${Math.round(pauseMs / 1000)} s`
    this.#replicaTroubles.note(partitions, { cause, reason, message })
  }

  /** After an offset reset. The first one is followed at once; when the new offset is not there either, with pauses. */
  #wentOn(partition: Partition): void {
    if (partition.fetching.failures <= 1) this.#route(partition)
    else this.#leaders.lost([partition], { reason: 'OFFSET_OUT_OF_RANGE after an offset reset', stillLeads: true })
  }

  #unreadable(node: number, partition: Partition, error: Error & { code?: string }): void {
    const { fetching } = partition
    fetching.unreadable++
    const reason = error.message
    if (judgeUnreadable(error.code, fetching.unreadable) === 'halt') this.#halt(partition, error)
    else if (fetching.replica.node === node) this.#leaveReplica(node, [partition], reason, true)
    else this.#leaders.lost([partition], { reason, cause: 'a batch that cannot be read', loud: true, stillLeads: true })
  }

  #halt(partition: Partition, undecodable: Error): void {
    const { id, fetching } = partition
    const offset = String(fetching.offset)
    const error = toErrorData(undecodable)
    fetching.halted = true
    this.#context.post({ type: 'partition-paused', partitionId: id, offset, error })
  }
}
