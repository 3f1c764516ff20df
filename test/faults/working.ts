import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from '#scripts/support/recorder.js'
import { Turns } from './turns.js'
import { NAMES, PARTITIONS, type View, type World } from './world/world.js'

const LOOK_MS = 50

/** Why the group does not work as it did before, or null. `targets` is, for each partition, how far it must have come. */
const complaint = (views: readonly View[], targets: readonly number[]): string | null => {
  const names = views.map(({ member }) => member.name).sort()
  if (names.join() !== NAMES.join()) return `there are ${names.join(' and ') || 'no pools'}`
  for (const { member, status } of views) if (status.state !== 'running') return `${member.name} is ${status.state}`
  const slots = views.flatMap(({ status }) => status.slots)
  if (new Set(slots.map(({ seat }) => seat.generation)).size > 1) return 'the slots are in different generations'
  const held = slots.flatMap(({ assignment }) => assignment)
  if (held.length !== PARTITIONS) return `${held.length} of ${PARTITIONS} partitions are assigned`
  for (const { partition, finishedUpTo, committed } of held) {
    const target = targets[partition] ?? 0
    if (Number(finishedUpTo) < target) return `${partition} stands at ${finishedUpTo} of ${target}`
    if (Number(committed) < target) return `${partition} is committed up to ${committed} of ${target}`
  }
  return null
}

/** What the slots are about, for whoever must find out why they do not work. */
const describe = (views: readonly View[]): string =>
  views
    .flatMap(({ member, status }) =>
      status.slots.map(({ slot, state, seat, assignment, inFlight, lastError, stalled, waitingFor }) => {
        const partitions = assignment.map(
          ({ partition, finishedUpTo, position, lag, paused }) =>
            `${partition}@${finishedUpTo} (position ${position}, lag ${lag}${paused ? `, paused: ${paused.reason}` : ''})`,
        )
        const words = [
          `${member.name}/${slot} ${state}, seat ${seat.state} in ${seat.generation}, ${inFlight} in flight`,
          ...(stalled ? ['stalled'] : []),
          ...(waitingFor === null ? [] : [waitingFor]),
          ...(lastError === null ? [] : [`last error ${lastError.code}: ${lastError.message}`]),
          partitions.join(' '),
        ]
        return `    ${words.join('; ')}`
      }),
    )
    .join('\n')

/**
 * Waits until both pools run, every partition is one slot's, and in each of them a message is finished and committed that
 * came after this was called (or, when no more come, all of them); and then until that is true of all that have come up to
 * that moment, so that nothing of the fault is handled later than that. Resolves with how long the first took, or with what
 * is wrong still when the time is over; time in which this process had no turn does not count.
 */
export const untilWorking = async (world: World, boundMs: number): Promise<number | string> => {
  const beganAtMs = machineMs()
  const before = world.load.highs
  const first = () => {
    const { highs, isStopped } = world.load
    return isStopped || highs.every((high, n) => high > (before[n] ?? 0)) ? highs : null
  }
  const turns = new Turns()
  const isLate = () => turns.passedMs > boundMs
  try {
    const wrong = await untilFinished(world, first, isLate)
    const tookMs = machineMs() - beganAtMs
    return wrong ?? (await untilFinished(world, () => world.load.highs, isLate)) ?? tookMs
  } finally {
    turns.stop()
  }
}

/** @param aim how far each partition is to come, asked for until it is known */
const untilFinished = async (
  world: World,
  aim: () => readonly number[] | null,
  isLate: () => boolean,
): Promise<string | null> => {
  let targets: readonly number[] | null = null
  for (;;) {
    targets ??= aim()
    const views = await world.look()
    const wrong = targets === null ? 'no message comes into some partition' : complaint(views, targets)
    if (wrong === null) return null
    if (isLate()) return `${wrong}\n${describe(views)}`
    await sleep(LOOK_MS)
  }
}
