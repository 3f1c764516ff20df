import type { BrokerConnection } from '../brokers/broker-connection.js'
import { errorName } from '../errors.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsProtocol } from '../kafkajs/parts.js'
import type { EpochEnd, EpochQuestion } from '../offsets.js'
import { AnswerReader } from './answer-reader.js'
import { byTopic } from './by-topic.js'

/*
 * OffsetForLeaderEpoch, which kafkajs does not have. Before version 3 it takes the permissions of a broker, so the Java
 * client does not use those either (`OffsetsForLeaderEpochUtils`).
 */
const API_KEY = 23
const VERSION = 3
const CONSUMER = -1

const decode = async (raw: Buffer): Promise<{ clientSideThrottleTime: number; ends: EpochEnd[] }> => {
  const reader = new AnswerReader(raw)
  const clientSideThrottleTime = reader.int32()
  const topics = reader.array(() => {
    const topic = reader.string()
    return reader.array(() => {
      const error = errorName(reader.int16())
      const partition = reader.int32()
      const leaderEpoch = reader.int32()
      return { topic, partition, error, leaderEpoch, endOffset: reader.offset() }
    })
  })
  return { clientSideThrottleTime, ends: topics.flat() }
}

const ask = (questions: readonly EpochQuestion[]): KafkajsProtocol<Awaited<ReturnType<typeof decode>>> => {
  const { Encoder } = kafkajs()
  const topics = byTopic(questions, ({ partition, currentLeaderEpoch, leaderEpoch }) =>
    new Encoder().writeInt32(partition).writeInt32(currentLeaderEpoch).writeInt32(leaderEpoch),
  )
  const encode = async () =>
    new Encoder()
      .writeInt32(CONSUMER)
      .writeArray(topics.map(({ topic, partitions }) => new Encoder().writeString(topic).writeArray(partitions)))
  return {
    request: { apiKey: API_KEY, apiVersion: VERSION, apiName: 'OffsetForLeaderEpoch', encode },
    response: { decode, parse: async (answer) => answer },
  }
}

/** Where leader epochs end in the log of partitions that this one broker leads; null when it is too old to say. */
export const endsOfEpochs = async (
  connection: BrokerConnection,
  questions: readonly EpochQuestion[],
): Promise<EpochEnd[] | null> => {
  const { minVersion = 0, maxVersion = -1 } = connection.ranges[API_KEY] ?? {}
  if (VERSION < minVersion || VERSION > maxVersion) return null
  return (await connection.send(ask(questions))).ends
}
