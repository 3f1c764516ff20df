// An assignor of your own: as Kafka's `range`, each topic is cut into stretches of neighbouring partitions, but each member gets
// partitions that have a replica in its rack (`rackId`, Java: `client.rack`) first, as far as shares stay equal.
// Used by:  new ConsumerPool({ …, assignors: ['./rack-range-assignor.mjs'], consumer: { rackId: 'eu-1a' } })

export const name = 'rack-range'

/** @type {import('kafka-consumer-pool').OwnAssignor['assign']} */
export const assign = (members, partitionCounts, racks) => {
  const assignment = new Map(members.map(({ memberId }) => [memberId, []]))
  for (const [topic, count] of partitionCounts) {
    const subscribers = members.filter(({ topics }) => topics.includes(topic)).sort(byInstanceThenId)
    const left = new Set(Array.from({ length: count }, (_, partition) => partition))
    const isNear = (partition, rackId) => rackId !== null && racks.get(topic)?.[partition]?.includes(rackId)
    const room = subscribers.map(
      (_, index) => Math.floor(count / subscribers.length) + (index < count % subscribers.length),
    )
    const give = (index, partition) => {
      left.delete(partition)
      room[index] -= 1
      assignment.get(subscribers[index].memberId).push({ topic, partition })
    }
    for (const [index, { rackId = null }] of subscribers.entries()) {
      for (const partition of left) if (room[index] > 0 && isNear(partition, rackId)) give(index, partition)
    }
    for (const index of subscribers.keys()) for (const partition of left) if (room[index] > 0) give(index, partition)
  }
  return assignment
}

// Ids of members change with each restart; instance ids do not.
const byInstanceThenId = (a, b) => ((a.instanceId ?? a.memberId) < (b.instanceId ?? b.memberId) ? -1 : 1)
