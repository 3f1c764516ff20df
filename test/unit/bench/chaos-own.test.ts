import { expect, test } from 'vitest'
import { ownEvidence } from '../../../bench/support/chaos-own.mjs'

const at = (atMs: number, event: string, more: object = {}) => ({ pid: 1, slot: 0, atMs, event, ...more })
const partitions = (...numbers: number[]) => numbers.map((partition) => ({ topic: 't', partition }))
const joined = (atMs: number, generation: number) => at(atMs, 'group:joined', { generation, instanceId: null })
const assigned = (atMs: number, generation: number, ...numbers: number[]) =>
  at(atMs, 'group:assigned', { generation, instanceId: null, assignment: partitions(...numbers) })
const revoking = (atMs: number, generation: number, ...numbers: number[]) =>
  at(atMs, 'group:revoking', { generation, partitions: partitions(...numbers) })
const lost = (atMs: number, generation: number, ...numbers: number[]) =>
  at(atMs, 'group:lost', { generation, partitions: partitions(...numbers) })

const holdingsOf = (lines: object[], deaths: object[] = []) => ownEvidence(lines, deaths).holdings

test('a holding ends with the assignment that has it no more, and not when it begins to be given up', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0, 1), joined(50, 2), revoking(60, 2, 1), assigned(70, 2, 0)]
  expect(holdingsOf(lines)).toMatchObject([
    { partition: 0, how: 'held', toGeneration: 2 },
    { partition: 1, fromMs: 11, fromGeneration: 1, gaveUpMs: 60, toMs: 70, toGeneration: 2, how: 'revoked' },
  ])
})

test('what was given up ends with the generation after, when no assignment says so', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0), revoking(60, 1, 0), joined(80, 2)]
  expect(holdingsOf(lines)).toMatchObject([{ gaveUpMs: 60, toMs: 80, toGeneration: 1, how: 'revoked' }])
})

test('what was given up and comes back is another holding', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0), revoking(60, 1, 0), joined(80, 2), assigned(81, 2, 0)]
  expect(holdingsOf(lines)).toMatchObject([
    { toMs: 80, toGeneration: 1, how: 'revoked' },
    { fromMs: 81, fromGeneration: 2, how: 'held' },
  ])
})

test('what is kept is held in every generation since', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0), joined(20, 2), assigned(21, 2, 0), joined(30, 3)]
  expect(holdingsOf(lines)).toMatchObject([{ fromGeneration: 1, toGeneration: 3, how: 'held' }])
})

test('what is told as lost after a generation was missed was not held in the new one', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0), joined(90, 3), lost(91, 3, 0), assigned(95, 3, 0)]
  expect(holdingsOf(lines)).toMatchObject([
    { toMs: 91, toGeneration: 1, how: 'lost' },
    { fromMs: 95, fromGeneration: 3 },
  ])
})

test('what was being given up when the membership was lost is lost', () => {
  const lines = [joined(10, 1), assigned(11, 1, 0), revoking(60, 1, 0), lost(65, 1, 0)]
  expect(holdingsOf(lines)).toMatchObject([{ gaveUpMs: 60, toMs: 65, how: 'lost' }])
})

test('an end of the process ends all that its slots hold, and nobody else holds', () => {
  const other = { ...assigned(12, 1, 1), pid: 2 }
  const lines = [joined(10, 1), assigned(11, 1, 0), { ...joined(10, 1), pid: 2 }, other]
  expect(holdingsOf(lines, [{ pid: 1, atMs: 40 }])).toMatchObject([
    { member: '1/0', toMs: 40, how: 'ended' },
    { member: '2/0', how: 'held' },
  ])
})
