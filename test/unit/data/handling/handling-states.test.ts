import { expect, test } from 'vitest'
import { HANDLING_TRANSITIONS, type Handling } from '#src/data/handling/handling-states.js'
import { Partition } from '#src/data/partition.js'
import { Page } from '#src/protocol/page.js'

/** The steps that lead to a state from the first. */
const WAY: Readonly<Record<Handling, readonly Handling[]>> = {
  idle: [],
  queued: ['queued'],
  running: ['queued', 'running'],
  waiting: ['queued', 'running', 'waiting'],
  'dead-lettering': ['queued', 'running', 'dead-lettering'],
  paused: ['queued', 'running', 'paused'],
}

test('a partition takes the steps of the table and no other', () => {
  const states = Object.keys(HANDLING_TRANSITIONS) as Handling[]
  for (const from of states) {
    for (const to of states) {
      const partition = new Partition({ id: 0, topic: 't', partition: 0, index: 0, offset: '0' }, Page.create([0n]))
      for (const step of WAY[from]) partition.enter(step)
      const step = () => partition.enter(to)
      if ((HANDLING_TRANSITIONS[from] as readonly Handling[]).includes(to)) expect(step).not.toThrow()
      else expect(step).toThrow(expect.objectContaining({ code: 'KCP_INTERNAL' }))
    }
  }
})
