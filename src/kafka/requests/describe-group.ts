import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { brokerError } from '../errors.js'
import type { GroupDescription } from '../group.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsDecoder, KafkajsProtocol } from '../kafkajs/parts.js'
import type { Answer } from '../kafkajs/request-shapes.js'

/** The first version that names instance ids (KIP-345, Kafka 2.4) and the last with a plain header; kafkajs stops at v2. */
const VERSION = 4

const EMPTY = Buffer.alloc(0)

const readMember = (decoder: KafkajsDecoder) => {
  const memberId = decoder.readString() ?? ''
  const groupInstanceId = decoder.readString()
  const clientId = decoder.readString() ?? ''
  const host = decoder.readString() ?? ''
  const memberMetadata = decoder.readBytes() ?? EMPTY
  return { memberId, groupInstanceId, clientId, host, memberMetadata, memberAssignment: decoder.readBytes() ?? EMPTY }
}

const readGroup = (decoder: KafkajsDecoder) => {
  const errorCode = decoder.readInt16()
  decoder.readString() // group id
  const state = decoder.readString() ?? ''
  decoder.readString() // protocol type
  decoder.readString() // protocol
  const members = decoder.readArray(readMember)
  decoder.readInt32() // authorized operations
  return { errorCode, state, members }
}

const describeGroupsV4 = (groupId: string): KafkajsProtocol<Answer<'DescribeGroups'>> => {
  const { apiKeys, Encoder, Decoder } = kafkajs()
  const decode = async (raw: Buffer) => {
    const decoder = new Decoder(raw)
    return { clientSideThrottleTime: decoder.readInt32(), groups: decoder.readArray(readGroup) }
  }
  return {
    request: {
      apiKey: apiKeys.DescribeGroups,
      apiVersion: VERSION,
      apiName: 'DescribeGroups',
      encode: async () => new Encoder().writeArray([groupId]).writeBoolean(false),
    },
    response: { decode, parse: async (answer) => answer },
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
