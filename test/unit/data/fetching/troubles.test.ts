import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Troubles } from '#src/data/fetching/troubles.js'
import { Partition } from '#src/data/partition.js'
import { Page } from '#src/protocol/page.js'
import { range } from '../../../support/data/batches.js'

const bench = () => {
  const lines: { level: number; msg: string }[] = []
  const clock = { nowMs: 0 }
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const page = Page.create(range(0, 8).map(() => 0n))
  const partitions = range(0, 8).map(
    (partition) =>
      new Partition({ id: partition, topic: 't', partition, index: partition, offset: '0', batchBytes: 0 }, page),
  )
  const told = () => lines.splice(0).map(({ level, msg }) => [level, msg])
  return { troubles: new Troubles(log, () => clock.nowMs), clock, partitions, told }
}

const away = { cause: 'no answer', reason: 'node 1: refused', message: 'cannot fetch' }
const deleted = { cause: 'UNKNOWN_TOPIC_OR_PARTITION', reason: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'No such topic' }

describe('trouble of many partitions at different times', () => {
  test('is one line when it begins, one a minute, and one when the last of them is fetched again', () => {
    const { troubles, clock, partitions, told } = bench()
    for (const second of range(0, 90)) {
      clock.nowMs = second * 1_000
      const partition = partitions[second % partitions.length]
      if (partition) troubles.note([partition], away)
    }
    expect(told()).toEqual([
      [40, 'cannot fetch'],
      [40, 'cannot fetch'],
    ])
    for (const partition of partitions.slice(1)) troubles.over(partition)
    expect(told()).toEqual([])
    for (const partition of partitions) troubles.over(partition)
    expect(told()).toEqual([[30, 'no longer: no answer']])
  })

  test('is told for each cause by itself', () => {
    const { troubles, partitions, told } = bench()
    troubles.note(partitions.slice(0, 4), away)
    troubles.note(partitions.slice(4), deleted)
    expect(told()).toEqual([
      [40, 'cannot fetch'],
      [40, 'No such topic'],
    ])
    for (const partition of partitions) troubles.over(partition)
    expect(told()).toEqual([
      [30, 'no longer: no answer'],
      [30, 'no longer: UNKNOWN_TOPIC_OR_PARTITION'],
    ])
  })

  test('is over for those that are not ours any more', () => {
    const { troubles, partitions, told } = bench()
    const [first, second] = partitions
    if (first === undefined || second === undefined) throw new Error('unreachable')
    troubles.note([first, second], away)
    first.dropped = true
    troubles.over(second)
    expect(told().at(-1)).toEqual([30, 'no longer: no answer'])
  })
})
