import { expect, onTestFinished } from 'vitest'
import type { RecordedCrash } from '#scripts/support/checker.js'
import { machineMs } from '#scripts/support/recorder.js'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool, type ConsumerPoolOptions, type PoolEvents, type PoolStatus } from '#src/index.js'
import { brokers } from '../cluster/clients.js'
import { type DescribedGroup, describeGroup } from '../cluster/groups.js'

type EventName = keyof PoolEvents

/** An event as it was heard, with the clock of the record. */
export type Heard<K extends EventName = EventName> = PoolEvents[K][0] & { readonly heardAtMs: number }

const EVENTS: readonly EventName[] = [
  'slot:ready',
  'slot:crashed',
  'slot:recovered',
  'slot:recycled',
  'slot:stalled',
  'slot:parked',
  'group:joined',
  'group:assigned',
  'group:revoking',
  'group:lost',
  'group:fenced',
  'offsets:committed',
  'message:failed',
  'message:dead-lettered',
  'partition:paused',
  'partition:resumed',
  'offset:reset',
  'pool:scaled',
  'pool:escalated',
  'pool:stopped',
]

/** A pool with everything that it has said. */
export interface TestPool {
  readonly pool: ConsumerPool
  readonly groupId: string
  status(): PoolStatus
  /** What was heard of one kind, oldest first. */
  heard<K extends EventName>(name: K): readonly Heard<K>[]
  /** The crashes in the checker's words. */
  crashes(): RecordedCrash[]
}

/** Short times and the whole topic, so that a test need not wait; everything can be overridden. */
const TEST_CONSUMER = { sessionTimeout: 6_000, heartbeatInterval: 500, rebalanceTimeout: 15_000, maxWaitTimeInMs: 100 }

/** The options of a test's pool: silent, short times, from the beginning, on the shared broker, own group. */
export const testOptions = (options: ConsumerPoolOptions & { readonly groupId?: string }): ConsumerPoolOptions => {
  const { groupId = uniqueName('group'), kafka, consumer, ...more } = options
  return {
    logger: { level: process.env.TEST_LOG ?? 'silent' },
    ...(process.env.TEST_ISOLATION === 'process' ? { isolation: 'process' } : {}),
    commitIntervalMs: 200,
    fromBeginning: true,
    drainTimeoutMs: 10_000,
    kafka: { brokers: brokers(), clientId: 'pool', ...kafka },
    consumer: { groupId, ...TEST_CONSUMER, ...consumer },
    ...more,
  }
}

/** A pool that is not started; stopped after the test. */
export const createPool = (options: ConsumerPoolOptions & { readonly groupId?: string }): TestPool => {
  const groupId = options.groupId ?? uniqueName('group')
  const pool = new ConsumerPool(testOptions({ ...options, groupId }))
  const heard = new Map<EventName, Heard[]>(EVENTS.map((name) => [name, []]))
  for (const name of EVENTS) {
    pool.on(name, (payload: PoolEvents[EventName][0]) =>
      heard.get(name)?.push({ ...payload, heardAtMs: machineMs() } as Heard),
    )
  }
  onTestFinished(() => pool.stop())
  const heardOf = <K extends EventName>(name: K) => (heard.get(name) ?? []) as unknown as readonly Heard<K>[]
  return {
    pool,
    groupId,
    status: () => pool.status(),
    heard: heardOf,
    crashes: () => heardOf('slot:crashed').map(({ slot, incarnation, inFlight }) => ({ slot, incarnation, inFlight })),
  }
}

/** A pool that has started; stopped after the test. */
export const startPool = async (options: ConsumerPoolOptions & { readonly groupId?: string }): Promise<TestPool> => {
  const made = createPool(options)
  await made.pool.start()
  return made
}

/** Topic to partitions, sorted: the broker's way to write an assignment. */
export type Assignment = Readonly<Record<string, readonly number[]>>

/** Member id to assignment, as a status has it. */
export const assignmentsOf = ({ slots }: PoolStatus): Readonly<Record<string, Assignment>> =>
  Object.fromEntries(
    slots.map(({ seat, assignment }) => {
      const topics: Record<string, number[]> = {}
      for (const { topic, partition } of assignment) {
        topics[topic] ??= []
        topics[topic].push(partition)
      }
      return [seat.memberId, topics]
    }),
  )

/** Member id to assignment, as the broker has it. */
const assignmentsIn = ({ members }: DescribedGroup): Readonly<Record<string, Assignment>> =>
  Object.fromEntries(members.map(({ memberId, assignment }) => [memberId, assignment]))

/** Every partition that somebody has according to the broker, as `topic-partition`, with repetitions. */
export const partitionsIn = ({ members }: DescribedGroup): string[] =>
  members
    .flatMap(({ assignment }) => Object.entries(assignment))
    .flatMap(([topic, partitions]) => partitions.map((partition) => `${topic}-${partition}`))
    .sort()

/** The names of a topic's partitions as {@link partitionsIn} writes them. */
export const partitionNames = (topic: string, count: number): string[] =>
  Array.from({ length: count }, (_, partition) => `${topic}-${partition}`).sort()

/**
 * Waits until the broker says that the group is stable with so many members, none of which has to give anything up (the first of
 * two cooperative generations is over then), and resolves with what it says.
 */
export const untilStable = (groupId: string, members: number, deadlineMs = 40_000): Promise<DescribedGroup> =>
  until(
    async () => {
      const group = await describeGroup(groupId)
      const isSettled = group.state === 'Stable' && !group.members.some(({ givesUp }) => givesUp)
      return isSettled && group.members.length === members && group
    },
    { what: `group ${groupId} to be stable with ${members} members`, deadlineMs },
  )

/**
 * The broker's members are exactly the slots of these pools, in its generation and with its assignment, as soon as these have
 * heard of it: the broker knows first. (Not with their client ids: a broker goes on showing the one with which a static member
 * came for the first time.)
 */
export const expectBrokerAgrees = async (group: DescribedGroup, ...pools: readonly TestPool[]): Promise<void> => {
  const held = () => Object.assign({}, ...pools.map(({ pool }) => assignmentsOf(pool.status())))
  await expect.poll(held).toEqual(assignmentsIn(group))
  const slots = pools.flatMap(({ pool }) => pool.status().slots)
  expect(new Set(slots.map(({ seat }) => seat.generation))).toEqual(new Set([group.generation]))
}
