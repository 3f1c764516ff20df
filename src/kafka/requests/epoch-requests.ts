import type { BrokerConnection } from '../brokers/broker-connection.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsProtocol } from '../kafkajs/parts.js'
import type { EpochEnd, EpochQuestion } from '../offsets.js'
import { readWith } from './answer-reader.js'
import { readEnds } from './answers.js'
import { byTopic } from './by-topic.js'

/*
 * OffsetForLeaderEpoch, which kafkajs does not have. Before version 3 it takes the permissions of a broker, so the Java
 * client does not use those either (`OffsetsForLeaderEpochUtils`).
 */
const API_KEY = 23
const VERSION = 3
const CONSUMER = -1

const ask = (questions: readonly EpochQuestion[]): KafkajsProtocol<ReturnType<typeof readEnds>> => {
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
    response: readWith((answer) => readEnds(answer, questions.length)),
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
