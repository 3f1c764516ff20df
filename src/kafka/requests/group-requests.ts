import type { BrokerConnection } from '../brokers/broker-connection.js'
import { KafkaCode } from '../error-codes.js'
import { brokerError } from '../errors.js'
import type { JoinRequest, JoinResult, Membership } from '../group.js'
import { readJoin, readLeave } from './answers.js'

/*
 * The four requests of group membership. A static member's are sent only in the versions that carry its instance id
 * (KIP-345): an older one would silently make it a dynamic member, and nobody would be fenced.
 */

const staticOnly = (instanceId: string | null, version: number) => (instanceId === null ? {} : { versions: [version] })

const EMPTY = Buffer.alloc(0)

/** JoinGroup; the broker holds it back until the rebalance is over. MEMBER_ID_REQUIRED (KIP-394) is for the caller. */
export const joinGroup = async (connection: BrokerConnection, request: JoinRequest): Promise<JoinResult> => {
  const { groupId, memberId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = request
  const answer = await connection.ask(
    'JoinGroup',
    {
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      groupProtocols: protocols,
    },
    { holdMs: rebalanceTimeoutMs, read: readJoin, ...staticOnly(instanceId, 5) },
  )
  if (answer.errorCode !== 0) {
    const required = answer.errorCode === KafkaCode.memberIdRequired ? { memberId: answer.memberId } : {}
    throw brokerError(answer.errorCode, `JoinGroup of group "${groupId}"`, required)
  }
  return {
    generation: answer.generationId,
    protocol: answer.groupProtocol,
    leaderId: answer.leaderId,
    memberId: answer.memberId,
    members: answer.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      metadata: member.memberMetadata,
    })),
  }
}

/** SyncGroup, with the assignments of all members when the sender leads; the broker waits for those of the leader. */
export const syncGroup = async (
  connection: BrokerConnection,
  member: Membership,
  assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
  holdMs: number,
): Promise<Buffer> => {
  const { groupId, generation, memberId, instanceId } = member
  const answer = await connection.ask(
    'SyncGroup',
    {
      groupId,
      generationId: generation,
      memberId,
      groupInstanceId: instanceId,
      groupAssignment: assignments.map(({ memberId, assignment }) => ({ memberId, memberAssignment: assignment })),
    },
    { holdMs, ...staticOnly(instanceId, 3) },
  )
  if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `SyncGroup of group "${groupId}"`)
  return answer.memberAssignment ?? EMPTY
}

export const heartbeat = async (connection: BrokerConnection, member: Membership): Promise<void> => {
  const { groupId, generation, memberId, instanceId } = member
  const { errorCode } = await connection.ask(
    'Heartbeat',
    { groupId, groupGenerationId: generation, memberId, groupInstanceId: instanceId },
    staticOnly(instanceId, 3),
  )
  if (errorCode !== 0) throw brokerError(errorCode, `Heartbeat of group "${groupId}"`)
}

export const leaveGroup = async (
  connection: BrokerConnection,
  member: Omit<Membership, 'generation'>,
): Promise<void> => {
  const { groupId, memberId, instanceId } = member
  const { errorCode, members } = await connection.ask(
    'LeaveGroup',
    { groupId, memberId, groupInstanceId: instanceId },
    { read: readLeave, ...staticOnly(instanceId, 3) },
  )
  const code = errorCode || (members.find((left) => left.errorCode !== 0)?.errorCode ?? 0)
  if (code !== 0) throw brokerError(code, `LeaveGroup of group "${groupId}"`)
}
