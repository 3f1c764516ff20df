import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { brokerError, connectionError } from '../errors.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsProtocol } from '../kafkajs/parts.js'
import type { TopicPartition } from '../metadata.js'
import { AnswerReader } from './answer-reader.js'

/*
 * Produce, put together by hand because the records are bytes already: from version 3 to 8 the request is the same, and
 * the answer grows at its end.
 */

const ALL_IN_SYNC_REPLICAS = -1

/** Far beyond what is written at once. */
const MOST_RECORDS = 100_000

interface Written extends TopicPartition {
  readonly errorCode: number
  readonly offset: bigint
  /** What the broker adds to the code, from version 8 on. */
  readonly message: string
}

interface ProduceAnswer {
  readonly clientSideThrottleTime: number
  readonly written: readonly Written[]
}

export const decodeProduceResponse = (raw: Buffer, version: number): ProduceAnswer => {
  const reader = new AnswerReader(raw)
  const readPartition = (topic: string): Written => {
    const partition = reader.int32()
    const errorCode = reader.int16()
    const offset = reader.int64()
    reader.int64() // log append time
    if (version >= 5) reader.int64() // where the log starts
    if (version < 8) return { topic, partition, errorCode, offset, message: '' }
    const faults = reader.array(() => {
      reader.int32() // which record
      return reader.string()
    }, MOST_RECORDS)
    return { topic, partition, errorCode, offset, message: [reader.string(), ...faults].filter(Boolean).join('; ') }
  }
  const written = reader.topics(readPartition, 1).flatMap(({ partitions }) => partitions)
  const throttleMs = reader.int32()
  // Up to version 5 the broker waits itself before it answers.
  return { clientSideThrottleTime: version >= 6 ? throttleMs : 0, written }
}

const ask = (
  { topic, partition }: TopicPartition,
  batch: Buffer,
  timeoutMs: number,
  version: number,
): KafkajsProtocol<ProduceAnswer> => {
  const { Encoder, apiKeys } = kafkajs()
  const encode = async () =>
    new Encoder()
      .writeString(null) // no transaction
      .writeInt16(ALL_IN_SYNC_REPLICAS)
      .writeInt32(timeoutMs)
      .writeArray([
        new Encoder().writeString(topic).writeArray([new Encoder().writeInt32(partition).writeBytes(batch)]),
      ])
  return {
    request: { apiKey: apiKeys.Produce, apiVersion: version, apiName: 'Produce', encode },
    response: { decode: async (raw) => decodeProduceResponse(raw, version), parse: async (answer) => answer },
  }
}

/**
 * Appends one batch to a partition that this broker leads.
 *
 * @param timeoutMs how long the broker may wait for the replicas
 * @returns the offset of the first record
 * @throws KafkaError
 */
export const produce = async (
  connection: BrokerConnection,
  where: TopicPartition,
  batch: Buffer,
  timeoutMs: number,
): Promise<bigint> => {
  const version = pickVersion(connection.ranges, 'Produce')
  const { written } = await connection.send(ask(where, batch, timeoutMs, version))
  const what = `Produce to ${where.topic}[${where.partition}]`
  const found = written.find(({ topic, partition }) => topic === where.topic && partition === where.partition)
  if (found === undefined) throw connectionError(`${what}: the answer says nothing of it`)
  const { errorCode, offset, message } = found
  if (errorCode !== 0) throw brokerError(errorCode, what, message === '' ? {} : { detail: message })
  return offset
}
