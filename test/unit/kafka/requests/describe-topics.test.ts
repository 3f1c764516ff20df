import { expect, test } from 'vitest'
import { describeTopics } from '#src/kafka/requests/metadata-requests.js'

const answer = (...racks: (string | null)[]) => ({
  clientSideThrottleTime: 0,
  brokers: racks.map((rack, nodeId) => ({ nodeId, host: 'kafka', port: 9092, rack })),
  topicMetadata: [
    {
      ...{ topic: 't', topicErrorCode: 0 },
      partitionMetadata: [{ partitionErrorCode: 0, partitionId: 0, leader: 1, leaderEpoch: 3, replicas: [1, 0, 2, 9] }],
    },
  ],
})

test('a partition has the racks of the nodes that have a replica, each once', () => {
  const [topic] = describeTopics(['t'], answer('a', 'b', 'a'))
  expect(topic?.partitions).toEqual([{ partition: 0, leader: 1, leaderEpoch: 3, racks: ['b', 'a'] }])
})

test('a partition has no racks where the brokers name none', () => {
  const [topic] = describeTopics(['t'], answer(null, '', null))
  expect(topic?.partitions).toEqual([{ partition: 0, leader: 1, leaderEpoch: 3 }])
})
