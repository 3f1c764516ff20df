// Something to consume: creates a topic of 8 partitions, if it is not there, and sends messages to it.
//
//   node examples/produce.mjs orders 1000
import process from 'node:process'
import kafkajs from 'kafkajs'

const [topic = 'orders', count = '1000'] = process.argv.slice(2)
const brokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
const kafka = new kafkajs.Kafka({ clientId: 'examples', brokers, logLevel: kafkajs.logLevel.ERROR })

const admin = kafka.admin()
await admin.connect()
const topics = await admin.listTopics()
if (!topics.includes(topic)) await admin.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true })
await admin.disconnect()

const producer = kafka.producer()
await producer.connect()
const messages = Array.from({ length: Number(count) }, (_, i) => ({
  key: `key-${i}`,
  value: `message ${i} of ${topic}`,
}))
await producer.send({ topic, messages })
await producer.disconnect()
console.log(`${messages.length} messages sent to ${topic}`)
