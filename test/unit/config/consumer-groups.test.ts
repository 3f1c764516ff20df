import { expect, test } from 'vitest'
import { consumerGroups } from '#src/config/consumer-groups.js'
import { kafkaConfig, slotConfig } from '../../support/config/slot-config.js'

const slot = (number: number, brokers: string[], groupId = 'group') =>
  slotConfig({ slot: number, kafka: kafkaConfig({ brokers }), consumer: { groupId } })

const groups = (...slots: ReturnType<typeof slot>[]) =>
  consumerGroups(slots, (config) => config).map((group) => group.map((config) => config.slot))

test('slots of one name whose brokers have one in common are one group, in whatever order they are named', () => {
  expect(groups(slot(0, ['a:1', 'b:1']), slot(1, ['b:1', 'a:1']), slot(2, ['b:1', 'c:1']))).toEqual([[0, 1, 2]])
})

test('two that know nothing of each other are one group when they both know a third', () => {
  expect(groups(slot(0, ['a:1']), slot(1, ['c:1']), slot(2, ['x:1']), slot(3, ['a:1', 'c:1']))).toEqual([
    [0, 1, 3],
    [2],
  ])
})

test('another name, or a cluster of strangers, is another group', () => {
  expect(groups(slot(0, ['a:1']), slot(1, ['a:1'], 'other'), slot(2, ['b:1']), slot(3, ['a:1']))).toEqual([
    [0, 3],
    [1],
    [2],
  ])
})
