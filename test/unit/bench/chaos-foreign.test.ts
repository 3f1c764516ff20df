import { expect, test } from 'vitest'
import { foreignEvidence, saidByJava } from '../../../bench/support/chaos-foreign.mjs'

const LOG = '[main] INFO org.apache.kafka.clients.consumer.internals'
const WHO = '[Consumer clientId=consumer-g-1, groupId=g]'

const java = (...lines: string[]) =>
  foreignEvidence(
    lines.map(saidByJava).flatMap((one) => (one === null ? [] : [{ member: 'java 1', kind: 'java', ...one }])),
  )
const synced = (generation: number) =>
  `${LOG}.ConsumerCoordinator - ${WHO} Successfully synced group in generation Generation{generationId=${generation}, memberId='m', protocol='cooperative-sticky'}`
const told = (name: string, timestamp: number, ...numbers: number[]) =>
  JSON.stringify({ timestamp, name, partitions: numbers.map((partition) => ({ topic: 'a-topic-7', partition })) })
const losing = (text: string) =>
  `${LOG}.ConsumerRebalanceListenerInvoker - ${WHO} Lost previously assigned partitions ${text}`

test('what Java tells its listener as revoked is lost when its log says so', () => {
  const { holdings } = java(
    synced(4),
    told('partitions_assigned', 10, 1, 12, 3),
    losing('a-topic-7-1, a-topic-7-12'),
    told('partitions_revoked', 20, 1, 12),
    told('partitions_revoked', 30, 3),
  )
  expect(holdings).toMatchObject([
    { partition: 1, toMs: 20, how: 'lost', toGeneration: 4 },
    { partition: 12, toMs: 20, how: 'lost' },
    { partition: 3, toMs: 30, how: 'revoked' },
  ])
})

test('a map in the log, and a line that is cut off, are no events', () => {
  expect(saidByJava('{consumer-g-1-9a=[a-topic-7-0, a-topic-7-16]}')).toBeNull()
  expect(saidByJava('{"timestamp":12,"name":"record_d')).toMatchObject({ event: 'unreadable' })
  expect(java(synced(4), '{"timestamp":12,"name":"partitions_assi')).toMatchObject({ holdings: [] })
})

test('a loss counts for the holding that is lost, and not for the next of the same partition', () => {
  const { holdings } = java(
    ...[synced(4), told('partitions_assigned', 10, 1), losing('a-topic-7-1'), told('partitions_revoked', 20, 1)],
    ...[synced(6), told('partitions_assigned', 40, 1), told('partitions_revoked', 50, 1)],
  )
  expect(holdings).toMatchObject([
    { how: 'lost', fromGeneration: 4, toGeneration: 4 },
    { how: 'revoked', fromGeneration: 6, toGeneration: 6 },
  ])
})

test('what is kept is held in every generation that the member says, and without a word of it in none', () => {
  expect(java(synced(4), told('partitions_assigned', 10, 1), synced(5)).holdings).toMatchObject([
    { fromGeneration: 4, toGeneration: 5, how: 'held' },
  ])
  expect(java(told('partitions_assigned', 10, 1)).holdings).toMatchObject([
    { fromGeneration: null, toGeneration: null },
  ])
})

test('a member of librdkafka is in the generation that it says, and in the last one when it was thrown out', () => {
  const said = { member: 'l 1', kind: 'librdkafka' }
  const { holdings } = foreignEvidence([
    { ...said, event: 'assigned', partitions: [1, 2], generation: 7, timestamp: 10 },
    { ...said, event: 'revoked', partitions: [2], generation: 8, timestamp: 20 },
    { ...said, event: 'lost', partitions: [1], timestamp: 30 },
  ])
  expect(holdings).toMatchObject([
    { partition: 1, toMs: 30, toGeneration: 8, how: 'lost' },
    { partition: 2, toMs: 20, toGeneration: 8, how: 'revoked' },
  ])
})

test('a commit that failed is none', () => {
  const said = { member: 'java 1', kind: 'java', name: 'offsets_committed', timestamp: 1 }
  const offsets = [{ topic: 't', partition: 0, offset: 5 }]
  const { commits } = foreignEvidence([
    { ...said, offsets, success: false },
    { ...said, offsets, success: true },
  ])
  expect(commits).toHaveLength(1)
})
