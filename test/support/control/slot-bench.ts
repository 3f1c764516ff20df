import { pino } from 'pino'
import type { PoolSettings, SlotConfig } from '#src/config/resolved.js'
import type { HoldBook } from '#src/control/holdings.js'
import { encodeAssignment } from '#src/control/membership/assignors/subscription.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { Group } from '#src/control/membership/group.js'
import { StoredOffsets } from '#src/control/progress/stored-offsets.js'
import { Slot } from '#src/control/slot.js'
import type { Journals } from '#src/control/slot-options.js'
import { RestartLimiter } from '#src/control/supervision/restart-limiter.js'
import { Suspects } from '#src/control/supervision/suspects.js'
import type { JoinResult } from '#src/kafka/group.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import type { TopicPartitionOffset } from '#src/kafka/offsets.js'
import { restartConfig } from '../config/restart-config.js'
import { slotConfig } from '../config/slot-config.js'
import { FakeClient } from './fake-client.js'
import { FakeStore } from './fake-store.js'
import { FakeThreads } from './fake-threads.js'

export const joinedAs =
  (memberId: string, generation: number, more: Partial<JoinResult> = {}) =>
  async (): Promise<JoinResult> => ({
    memberId,
    generation,
    protocol: 'roundrobin',
    leaderId: 'somebody',
    members: [],
    ...more,
  })

export const assignment =
  (...partitions: number[]) =>
  async () =>
    encodeAssignment(partitions.map((partition) => ({ topic: 'orders', partition })))

const settings = (overrides: Partial<PoolSettings>): PoolSettings => ({
  commitIntervalMs: 1_000,
  drainTimeoutMs: 25_000,
  loadTimeoutMs: 60_000,
  terminateTimeoutMs: 5_000,
  isolation: 'thread',
  admin: null,
  threadImports: [],
  recovery: 'handover',
  leaveOnStop: 'dynamic',
  restart: restartConfig(),
  scaling: { catchUpMs: 30_000, quietMs: 120_000 },
  resourceLimits: {},
  maxRssMb: 4_096,
  ...overrides,
})

/**
 * A slot on a scripted coordinator and threads that a test directs. The group has committed nothing and every partition
 * begins at 0, unless the test says otherwise.
 */
export const slotBench = (
  overrides: {
    config?: SlotConfig
    settings?: Partial<PoolSettings>
    topics?: (names: readonly string[]) => Promise<readonly TopicMetadata[]>
    limiter?: RestartLimiter
    journals?: Journals
    /** What users have paused. */
    onHold?: HoldBook
    /** Writes the answers of each client that a seat gets. */
    answers?: (client: FakeClient) => FakeClient
  } = {},
) => {
  const config = overrides.config ?? slotConfig()
  const threads = new FakeThreads()
  const poolClient = new FakeClient('shared')
  const store = new FakeStore()
  const seats: FakeClient[] = []
  /** Connections that the seat will open, first to last; then ready-made ones. */
  const upcoming: FakeClient[] = []
  const events: { name: string; payload: unknown }[] = []
  /** Lines of level error. */
  interface Line {
    readonly level: number
    readonly msg: string
    readonly type?: string
  }
  const errors: Line[] = []
  const warnings: Line[] = []
  const write = (text: string) => {
    const line: Line = JSON.parse(text)
    void (line.level >= 50 ? errors : warnings).push(line)
  }
  const listeners = new Map<string, (payload: unknown) => unknown>()
  const committed = new Map<number, bigint>()
  /** What stands beside the offset. */
  const metadata = new Map<number, string>()
  const commits: (readonly TopicPartitionOffset[])[] = []
  poolClient.committedOffsets = async (_node, _group, partitions) =>
    partitions.map(({ topic, partition }) => ({
      ...{ topic, partition, offset: committed.get(partition) ?? 0n },
      metadata: metadata.get(partition) ?? '',
    }))
  poolClient.commitOffsets = async (_node, _member, offsets) => {
    commits.push(offsets)
    return []
  }
  const member = () => {
    const client = new FakeClient(`seat-${seats.length}`)
    client.onJoin = [joinedAs(`member-${seats.length}`, 1)]
    client.onSync = [assignment(0, 1)]
    // The same coordinator.
    client.commitOffsets = (...request) => poolClient.commitOffsets(...request)
    return overrides.answers?.(client) ?? client
  }
  const slot = new Slot({
    config,
    settings: settings(overrides.settings ?? {}),
    threads: threads.asThreads,
    limiter: overrides.limiter ?? new RestartLimiter(),
    group: new Group('group', 1),
    suspects: new Suspects(),
    stored: new StoredOffsets(),
    ...(overrides.onHold !== undefined && { onHold: overrides.onHold }),
    poolClient,
    coordinator: new Coordinator(poolClient, 'group'),
    deadLetters: store,
    createSeatClient: () => {
      const client = upcoming.shift() ?? member()
      seats.push(client)
      return client
    },
    nextClientId: () => `thread-${threads.all.length}`,
    topics: overrides.topics ?? (async () => []),
    log: pino({ level: 'warn' }, { write }),
    emit: (name, payload) => {
      events.push({ name, payload })
      return listeners.get(name)?.(payload)
    },
    relay: () => {},
    onLeadersLost: () => {},
    onTrouble: () => events.push({ name: 'trouble', payload: null }),
    ...(overrides.journals !== undefined && { journals: overrides.journals }),
    onHeapFull: () => events.push({ name: 'heap full', payload: null }),
  })
  return {
    slot,
    threads,
    poolClient,
    store,
    seats,
    errors,
    warnings,
    upcoming,
    member,
    committed,
    metadata,
    commits,
    on: (name: string, listener: (payload: unknown) => unknown) => listeners.set(name, listener),
    /** What was told, in order: events, and `trouble` for the pool. */
    told: () => events.map(({ name }) => name),
    heard: (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload),
  }
}
