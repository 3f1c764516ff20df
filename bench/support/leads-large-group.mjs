import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { pino } from 'pino'
import { Assignors } from '#src/control/membership/assignors/assignors.js'
import { assignors } from '#src/control/membership/assignors/index.js'
import { stickyUserData } from '#src/control/membership/assignors/sticky-user-data.js'
import { decodeAssignment, encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { assignForGroup } from '#src/control/membership/group-leader.js'
import { processTask } from './program.mjs'

/*
 * A process whose main thread leads a large group once, cold, as a leader does: it decodes what the members have said,
 * computes who gets what, encodes that for each of them, and decodes its own.
 */

const PROTOCOL = 'cooperative-sticky'
const RACKS = ['a', 'b', 'c']
const { members, partitions, topics, mixed, racks, joins } = processTask()

const names = Array.from({ length: topics }, (_, n) => `orders-${String(n).padStart(3, '0')}`)
const found = names.map((topic, n) => ({
  ...{ topic, error: null },
  partitions: Array.from({ length: Math.floor(partitions / topics) }, (_, partition) => ({
    ...{ partition, leader: 1 },
    ...(racks && { racks: [RACKS[(n + partition) % 3], RACKS[(n + partition + 1) % 3]] }),
  })),
}))

/** Of the member with that number: all topics, or each a third of them. */
const topicsOf = (n) => (mixed ? names.filter((_, topic) => (topic + n) % 3 === 0) : names)

const subscribers = Array.from({ length: members }, (_, n) => ({
  memberId: `kafka-consumer-pool-${n % 16}-1795240658.${String(n).padStart(6, '0')}-0123456789a`,
  instanceId: null,
  topics: topicsOf(n),
  rackId: racks ? RACKS[n % 3] : null,
}))

/** The one before the last `joins` came. */
const before = () => {
  const counts = new Map(found.map((each) => [each.topic, each.partitions.length]))
  return assignors[PROTOCOL].assign(subscribers.slice(0, members - joins), counts)
}
const owned = joins === members ? new Map() : before()

const joined = {
  ...{ memberId: subscribers[0].memberId, leaderId: subscribers[0].memberId, generation: 8, protocol: PROTOCOL },
  members: subscribers.map(({ memberId, instanceId, ...said }) => {
    const own = owned.get(memberId) ?? []
    const generation = own.length === 0 ? -1 : 7
    const userData = stickyUserData({ generation, isDraining: false }, 0)
    return { memberId, instanceId, metadata: encodeSubscription({ ...said, userData, owned: own, generation }) }
  }),
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
globalThis.gc?.()
await turn()

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
await turn() // it looks from its first timer on
delay.reset()
const beganMs = performance.now()
const { assignments } = await assignForGroup(
  joined,
  () => new Promise((answered) => setImmediate(answered, found)), // a broker answers in a turn of its own
  new Assignors(),
  pino({ level: 'silent' }),
  45_000,
)
const mine = decodeAssignment(assignments.find(({ memberId }) => memberId === joined.memberId).assignment)
const tookMs = performance.now() - beganMs
await turn()
delay.disable()
if (mine.length === 0) throw new Error('the leader got nothing')
process.send({ tookMs, blockedMs: delay.max / 1e6 })
