import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { brokerError } from '../errors.js'
import type { GroupDescription } from '../group.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsProtocol } from '../kafkajs/parts.js'
import type { Answer } from '../kafkajs/request-shapes.js'
import { readWith } from './answer-reader.js'
import { readGroups } from './answers.js'

/** The first version that names instance ids (KIP-345, Kafka 2.4) and the last with a plain header; kafkajs stops at v2. */
const VERSION = 4

const describeGroupsV4 = (groupId: string): KafkajsProtocol<Answer<'DescribeGroups'>> => {
  const { apiKeys, Encoder } = kafkajs()
  return {
    request: {
      apiKey: apiKeys.DescribeGroups,
      apiVersion: VERSION,
      apiName: 'DescribeGroups',
      encode: async () => new Encoder().writeArray([groupId]).writeBoolean(false),
    },
    response: readWith(readGroups),
  }
}

/** @throws KafkaError UNSUPPORTED_VERSION before Kafka 2.4 */
export const describeGroup = async (connection: BrokerConnection, groupId: string): Promise<GroupDescription> => {
  pickVersion(connection.ranges, 'DescribeGroups', [VERSION])
  const { groups } = await connection.send(describeGroupsV4(groupId))
  const { errorCode, state, members } = groups[0] ?? { errorCode: 0, state: 'Dead', members: [] }
  if (errorCode !== 0) throw brokerError(errorCode, `DescribeGroups of group "${groupId}"`)
  return {
    state,
    members: members.map(({ memberId, groupInstanceId, clientId, host, memberMetadata, memberAssignment }) => ({
      memberId,
      instanceId: groupInstanceId,
      clientId,
      host,
      metadata: memberMetadata,
      assignment: memberAssignment,
    })),
  }
}
