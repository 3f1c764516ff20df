import { kafkaJs, uniqueName, withAdmin } from './kafka.mjs'

const LOG = '__consumer_offsets'
const GROUP_METADATA_KEY = 2

/** Key of a record about a group (not about an offset): its group id, or null. */
const groupOf = (key) => {
  if (key === null || key.readInt16BE(0) !== GROUP_METADATA_KEY) return null
  return key.toString('utf8', 4, 4 + key.readInt16BE(2))
}

/** Kafka's GroupMetadataValue begins: version, protocol type, generation. */
const generationOf = (value) => {
  const version = value.readInt16BE(0)
  if (version > 3) throw new Error(`GroupMetadataValue version ${version} is not known here`)
  return value.readInt32BE(4 + value.readInt16BE(2))
}

/**
 * The generations of a group in the order in which the broker wrote them down, each once: what the group coordinator
 * itself says about rebalances.
 */
export const generationsInBrokerLog = async (cluster, groupId) => {
  const ends = await withAdmin(cluster, (admin) => admin.fetchTopicOffsets(LOG))
  const open = new Map(
    ends.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, BigInt(high)]),
  )
  const generations = []
  const consumer = kafkaJs(cluster).consumer({ groupId: uniqueName('bench-group-log') })
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [LOG], fromBeginning: true })
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`${LOG} could not be read within 60 s`)), 60_000).unref()
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            for (const { key, value } of batch.messages) {
              if (groupOf(key) !== groupId || value === null) continue
              const generation = generationOf(value)
              if (generations.at(-1) !== generation) generations.push(generation)
            }
            if (BigInt(batch.lastOffset()) + 1n >= (open.get(batch.partition) ?? 0n)) open.delete(batch.partition)
            if (open.size === 0) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return generations
}

/** The assignment of one topic as the broker reports it: for each member (instance id, or client id) its partitions. */
export const assignmentInBroker = async (cluster, groupId) => {
  const { groups } = await withAdmin(cluster, (admin) => admin.describeGroups([groupId]))
  const { AssignerProtocol } = (await import('kafkajs')).default
  return groups[0].members
    .map(({ memberId, memberAssignment }) => {
      const { assignment } = AssignerProtocol.MemberAssignment.decode(memberAssignment)
      const partitions = Object.values(assignment)
        .flat()
        .sort((a, b) => a - b)
      // A static member's id is its instance id and a random part.
      return `${memberId.replace(/-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '')}: ${partitions.join(' ')}`
    })
    .sort()
}
