import { expect, test } from 'vitest'
import { longRun, type Round, shortRun } from '../../faults/schedule.js'
import { SETTINGS } from '../../faults/settings.js'
import { FAULTS } from '../../faults/table/index.js'

const namesOf = (rounds: readonly Round[]) =>
  rounds.map(({ acts }) => acts.map(({ faults }) => faults.map(({ name }) => name)))

const beginOf = (seed: number, count: number): Round[] => {
  const run = longRun(FAULTS, seed)
  return Array.from({ length: count }, () => run.next().value)
}

test('faults have names of their own', () => {
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length)
})

test('a short run plays every fault, and a few once more in another setting, in an order that the seed decides', () => {
  const rounds = shortRun(FAULTS, 1)
  const played = namesOf(rounds).flat(2)
  expect(new Set(played)).toEqual(new Set(FAULTS.map(({ name }) => name)))
  expect(played).toHaveLength(FAULTS.length + SETTINGS.reduce((sum, { again }) => sum + again, 0))
  for (const acts of namesOf(rounds)) expect(new Set(acts.flat()).size).toBe(acts.length)
  for (const { setting, acts } of rounds)
    for (const { fits } of acts.flatMap(({ faults }) => faults)) expect(fits?.(setting) ?? true).toBe(true)
  expect(namesOf(shortRun(FAULTS, 1)).flat(2)).toEqual(played)
  expect(namesOf(shortRun(FAULTS, 2)).flat(2)).not.toEqual(played)
})

test('a long run plays every fault, some in pairs that do not take hold of the same, on clusters that allow them', () => {
  const rounds = beginOf(1, 6)
  expect(rounds).toEqual(beginOf(1, 6))
  const acts = rounds.flatMap(({ setting, acts }) => acts.map((act) => ({ setting, ...act })))
  expect(new Set(acts.flatMap(({ faults }) => faults.map(({ name }) => name))).size).toBe(FAULTS.length)
  const pairs = acts.filter(({ faults }) => faults.length === 2)
  expect(pairs.length).toBeGreaterThan(acts.length / 5)
  for (const { faults, setting } of acts) {
    expect(new Set(faults.map(({ grip }) => grip)).size).toBe(faults.length)
    for (const { fits } of faults) expect(fits?.(setting) ?? true).toBe(true)
  }
})

test('a long run of one fault that takes three nodes has rounds with three nodes only', () => {
  const only = FAULTS.filter(({ name }) => name.startsWith('the coordinator is killed'))
  expect(only).toHaveLength(1)
  expect(longRun(only, 1).next().value.setting.nodes).toBe(3)
})
