import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs

export const PARTITIONS = 8

/** KafkaJS as its users have it, without the mending of `#scripts/support/kafka-client.js`. */
export const rivalClient = (brokers) => new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING })
