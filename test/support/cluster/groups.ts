import { inject } from 'vitest'
import { runTool } from '#scripts/broker.js'
import { decodeAssignment, GroupLog, type LoggedGeneration } from '#scripts/support/group-log.js'
import { decodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { adminClient, brokers, closeAfterFile } from './clients.js'

let log: GroupLog | undefined

/** Every generation that the coordinator has recorded for a group, oldest first. */
export const groupHistory = (groupId: string): Promise<LoggedGeneration[]> => {
  if (log === undefined) {
    const opened = new GroupLog(brokers())
    log = opened
    closeAfterFile(async () => {
      log = undefined
      await opened.close()
    })
  }
  return log.history(groupId)
}

export interface DescribedMember {
  readonly memberId: string
  readonly clientId: string
  readonly host: string
  /** From the coordinator's log; null for a dynamic member. */
  readonly groupInstanceId: string | null
  /** Topic to partitions, sorted. */
  readonly assignment: Readonly<Record<string, readonly number[]>>
  /**
   * It was assigned less than it said that it owned when it joined: with a cooperative protocol it gives that up and joins again,
   * and what it gives up is nobody's until then.
   */
  readonly givesUp: boolean
}

export interface DescribedGroup {
  /** Kafka's name: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`. */
  readonly state: string
  readonly protocol: string
  /** The newest one that is complete; null before the first. */
  readonly generation: number | null
  /** Sorted by client id. */
  readonly members: readonly DescribedMember[]
}

const givesUp = (metadata: Buffer, assignment: Readonly<Record<string, readonly number[]>>): boolean =>
  metadata.length > 0 &&
  decodeSubscription(metadata).owned.some(({ topic, partition }) => assignment[topic]?.includes(partition) !== true)

/** The group as its coordinator sees it now. Cheap enough to be polled. */
export const describeGroup = async (groupId: string): Promise<DescribedGroup> => {
  const admin = await adminClient()
  const { groups } = await admin.describeGroups([groupId])
  const group = groups[0]
  if (group === undefined) throw new Error(`The broker said nothing about the group ${groupId}`)
  const newest = (await groupHistory(groupId)).at(-1)
  const members = group.members.map(({ memberId, clientId, clientHost, memberAssignment, memberMetadata }) => {
    const assignment = decodeAssignment(memberAssignment)
    const groupInstanceId = newest?.members.find((member) => member.memberId === memberId)?.groupInstanceId ?? null
    const said = { memberId, clientId, host: clientHost, groupInstanceId }
    return { ...said, assignment, givesUp: givesUp(memberMetadata, assignment) }
  })
  return {
    state: group.state,
    protocol: group.protocol,
    generation: newest?.generation ?? null,
    members: members.sort((a, b) => (a.clientId < b.clientId ? -1 : 1)),
  }
}

export interface ToolMember {
  readonly consumerId: string
  readonly host: string
  readonly clientId: string
  readonly groupInstanceId: string | null
  /** Number of partitions assigned. */
  readonly partitions: number
  /** Topic to partitions; null from Kafka 3.9, whose tool prints the partitions without their topics. */
  readonly assignment: Readonly<Record<string, readonly number[]>> | null
}

/** `orders:0,2;payments:1`, as the tool prints it since Kafka 4.0; a dash when there is nothing. */
const parseAssignment = (text: string): Record<string, number[]> =>
  Object.fromEntries(
    [...text.matchAll(/([\w.-]+):([\d,]+)/g)].map(([, topic = '', list = '']) => [topic, list.split(',').map(Number)]),
  )

/** The table of `kafka-consumer-groups --describe --members --verbose`. */
const parseMembers = (printed: string): ToolMember[] => {
  const lines = printed.split('\n').filter((line) => line.trim() !== '')
  const top = lines.findIndex((line) => /^GROUP\s+CONSUMER-ID/.test(line))
  const columns = (lines[top] ?? '').trim().split(/\s+/)
  if (top < 0) return []
  return lines.slice(top + 1).map((line) => {
    const cells = line.trim().split(/\s+/)
    const cell = (name: string): string => cells[columns.indexOf(name)] ?? '-'
    const instanceId = cell('GROUP-INSTANCE-ID')
    return {
      consumerId: cell('CONSUMER-ID'),
      host: cell('HOST'),
      clientId: cell('CLIENT-ID'),
      groupInstanceId: instanceId === '-' ? null : instanceId,
      partitions: Number(cell('#PARTITIONS')),
      assignment: columns.includes('CURRENT-ASSIGNMENT') ? parseAssignment(cell('CURRENT-ASSIGNMENT')) : null,
    }
  })
}

/** The members of a group as Kafka's own tool shows them. Takes a second or two. */
export const describeGroupWithTool = async (groupId: string): Promise<ToolMember[]> =>
  parseMembers(
    await runTool(inject('kafkaTools'), 'kafka-consumer-groups', [
      // Its own limit of 5 s ends in an error on stdout and a good exit code.
      ...['--describe', '--members', '--verbose', '--group', groupId, '--timeout', '50000'],
    ]),
  )

/** Committed offsets of a group, by partition; partitions without one are left out. */
export const committed = async (groupId: string, topic: string): Promise<Map<number, bigint>> => {
  const admin = await adminClient()
  const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const offsets = (answer?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)] as const)
  return new Map(offsets.filter(([, offset]) => offset >= 0n).sort(([a], [b]) => a - b))
}
