import { type Logger, pino } from 'pino'
import type { SlotConfig } from '#src/config/resolved.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { Group } from '#src/control/membership/group.js'
import { Seat } from '#src/control/membership/seat.js'
import type { SeatHost } from '#src/control/membership/seat-host.js'
import type { AskTopics } from '#src/control/membership/steady-topics.js'
import type { TopicMetadata, TopicPartition } from '#src/kafka/metadata.js'
import { slotConfig } from '../config/slot-config.js'
import { FakeClient } from './fake-client.js'
import { assignment, joinedAs } from './slot-bench.js'

/** A host that writes down what it is told. */
export class Notes implements SeatHost {
  readonly told: string[] = []
  /** What a rebalance waits for. */
  releasing: Promise<void> = Promise.resolve()
  assignment: readonly TopicPartition[] | null = null
  readonly follows: boolean[] = []
  /** What it has to keep while it drains. */
  busy: readonly TopicPartition[] = []

  release() {
    this.told.push('release')
    return this.releasing
  }
  revoke(partitions: readonly TopicPartition[]) {
    this.told.push(`revoke ${partitions.map(({ partition }) => partition).join(' ')}`)
    return this.releasing
  }
  async handOn() {
    this.told.push('hand on')
    return this.busy
  }
  assigned(partitions: readonly TopicPartition[], follows: boolean, generation: number) {
    this.assignment = partitions
    this.follows.push(follows)
    this.told.push(`assigned ${generation}`)
  }
  lost() {
    this.told.push('lost')
  }
  lease() {}
  joined() {}
  fenced() {}
  refused() {
    this.told.push('refused')
  }
}

const metadata = async (names: readonly string[]): Promise<TopicMetadata[]> =>
  names.map((topic) => ({ topic, error: null, partitions: [0, 1, 2].map((partition) => ({ partition, leader: 1 })) }))

/** A seat on a scripted coordinator: it is let in as `member` in generation 1 with partitions 0 and 1. */
export const seatBench = (more: { config?: SlotConfig; group?: Group; topics?: AskTopics; log?: Logger } = {}) => {
  const own = new FakeClient()
  const poolClient = new FakeClient('shared')
  const host = new Notes()
  const group = more.group ?? new Group('group', 1)
  const seat = new Seat({
    config: more.config ?? slotConfig(),
    group,
    host,
    log: more.log ?? pino({ level: 'silent' }),
    client: own,
    coordinator: new Coordinator(poolClient, 'group'),
    topics: more.topics ?? metadata,
  })
  own.onJoin = [joinedAs('member', 1)]
  own.onSync = [assignment(0, 1)]
  return { seat, own, poolClient, host, group }
}

/** A promise that the client's `close` rejects, as it does with everything pending. */
export const untilClosed = <T>(client: FakeClient): Promise<T> =>
  new Promise((_, reject) => {
    const close = client.close.bind(client)
    client.close = () => {
      close()
      reject(new Error('the client was closed'))
    }
  })
