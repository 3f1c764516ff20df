import type { ControlClient } from '#src/kafka/client.js'
import type { JoinRequest, JoinResult, Membership } from '#src/kafka/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'

export const kafkaError = (code: number, type = `CODE_${code}`, memberId?: string): KafkaError =>
  new KafkaError(type, code, false, `answered with ${type} (${code})`, memberId === undefined ? {} : { memberId })

export const unanswered = (): KafkaError => new KafkaError('CONNECTION', -1, true, 'connection refused')

/** An answer was awaited in vain. */
export const silence = (): KafkaError => new KafkaError('REQUEST_TIMED_OUT', -1, true, 'no answer within 6000 ms')

const unexpected = (what: string) => (): Promise<never> => Promise.reject(new Error(`unexpected ${what}`))

/**
 * A connection whose answers a test writes: one list of answers for each request. The last answer of a list is given
 * again and again. `asked` notes the requests in order.
 */
export class FakeClient implements ControlClient {
  readonly clientId: string
  readonly supportsStaticMembership = true
  readonly asked: string[] = []
  readonly joins: JoinRequest[] = []
  readonly leaves: Omit<Membership, 'generation'>[] = []
  readonly heartbeats: Membership[] = []
  readonly syncs: { member: Membership; assignments: readonly { memberId: string; assignment: Buffer }[] }[] = []
  closed = false
  onJoin: (() => Promise<JoinResult>)[] = []
  onSync: (() => Promise<Buffer>)[] = []
  onHeartbeat: (() => Promise<void>)[] = [async () => {}]
  onFindCoordinator: (() => Promise<number>)[] = [async () => 1]
  topics: ControlClient['topics'] = unexpected('topics')
  topicNames: ControlClient['topicNames'] = unexpected('topicNames')
  commitOffsets: ControlClient['commitOffsets'] = unexpected('commitOffsets')
  committedOffsets: ControlClient['committedOffsets'] = unexpected('committedOffsets')
  listOffsets: ControlClient['listOffsets'] = unexpected('listOffsets')
  endsOfEpochs: ControlClient['endsOfEpochs'] = unexpected('endsOfEpochs')
  learn: ControlClient['learn'] = () => {}
  brokerConfig: ControlClient['brokerConfig'] = unexpected('brokerConfig')
  describeGroup: ControlClient['describeGroup'] = async () => ({ state: 'Empty', members: [] })
  view: ControlClient['view'] = () => ({ brokers: [], topics: [] })

  constructor(clientId = 'fake') {
    this.clientId = clientId
  }

  async connect(): Promise<void> {}

  close(): void {
    this.closed = true
  }

  findCoordinator: ControlClient['findCoordinator'] = () => {
    this.asked.push('FindCoordinator')
    return next(this.onFindCoordinator)
  }

  joinGroup(_node: number, request: JoinRequest): Promise<JoinResult> {
    this.asked.push('JoinGroup')
    this.joins.push(request)
    return next(this.onJoin)
  }

  syncGroup(_node: number, member: Membership, assignments: readonly { memberId: string; assignment: Buffer }[]) {
    this.asked.push('SyncGroup')
    this.syncs.push({ member, assignments })
    return next(this.onSync)
  }

  heartbeat(_node: number, member: Membership): Promise<void> {
    this.asked.push('Heartbeat')
    this.heartbeats.push(member)
    return next(this.onHeartbeat)
  }

  async leaveGroup(_node: number, member: Omit<Membership, 'generation'>): Promise<void> {
    this.asked.push('LeaveGroup')
    this.leaves.push(member)
  }
}

const next = <T>(answers: (() => Promise<T>)[]): Promise<T> => {
  const answer = answers.length > 1 ? answers.shift() : answers[0]
  return answer === undefined ? Promise.reject(new Error('no answer was written for this request')) : answer()
}
