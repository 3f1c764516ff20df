import { expect, test } from 'vitest'
import { isOver, SLOT_TRANSITIONS } from '#src/control/slot-states.js'
import type { SlotState } from '#src/control/status.js'
import { mayEnter as allows } from '#src/util/transitions.js'

const STATES = Object.keys(SLOT_TRANSITIONS) as SlotState[]
const mayEnter = (from: SlotState, to: SlotState) => allows(SLOT_TRANSITIONS, from, to)

test('a slot may be stopped in any state but once, and nothing begins after that', () => {
  for (const state of STATES) {
    expect(mayEnter(state, 'stopping')).toBe(!isOver(state))
    if (isOver(state)) expect(STATES.filter((next) => mayEnter(state, next) && next !== 'stopped')).toEqual([])
  }
})

test('a slot that is parked comes to run only through a restart', () => {
  expect(mayEnter('parked', 'running')).toBe(false)
  expect(mayEnter('parked', 'restarting')).toBe(true)
})
