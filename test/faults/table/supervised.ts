import { until } from '#scripts/support/until.js'
import { type Fault, places, type Scene } from '../fault.js'
import { BOUNDS, PATIENCE_MS } from '../times.js'
import type { Member } from '../world/member.js'

const SUPERVISED: Pick<Fault, 'grip' | 'fits' | 'repeats' | 'rebalances'> = {
  ...{ grip: 'process', repeats: 'uncommitted', rebalances: true },
  fits: ({ isSupervised }) => isSupervised,
}

/** Resolves when a pool runs in another process than before. */
const startedAnew = async (member: Member, before: number): Promise<void> => {
  const isAnew = () => member.pid > 0 && member.pid !== before && member.isUp
  await until(isAnew, { what: `${member.name} to be started again`, deadlineMs: PATIENCE_MS, everyMs: 50 })
}

/** Kills the process of a pool; its supervisor starts it again. */
const killPool = async (member: Member): Promise<void> => {
  const { pid } = member
  member.killPool()
  await startedAnew(member, pid)
}

/** Has a message of a member do something. */
const orderOf = async ({ world, dice, note }: Scene, member: Member, deed: string): Promise<void> => {
  const place = dice.one(places(await member.status(), dice))
  if (place === undefined) throw new Error(`${member.name} has no partition`)
  const { offset } = await world.load.order(place.partition, deed)
  note(`${deed} is ${place.partition}@${offset}, which ${member.name} has`)
}

/** What happens to a pool that somebody starts again by itself, and to what it keeps for the next one. */
export const SUPERVISED_FAULTS: readonly Fault[] = [
  {
    ...{ ...SUPERVISED, name: 'the process of a pool is killed under its supervisor', boundMs: BOUNDS.membership },
    apply: async ({ take, note }) => {
      const member = take()
      note(member.name)
      await killPool(member)
    },
  },
  {
    ...{ ...SUPERVISED, name: 'the handler has V8 abort the whole process', boundMs: BOUNDS.membership },
    apply: async (scene) => {
      const member = scene.take()
      const { pid } = member
      await orderOf(scene, member, 'vast-once')
      await startedAnew(member, pid)
    },
  },
  {
    ...{ ...SUPERVISED, name: 'a message ends every process that handles it', boundMs: BOUNDS.processes },
    apply: async (scene) => orderOf(scene, scene.take(), 'kill'),
  },
  {
    ...{ ...SUPERVISED, name: 'the disk of stateDir is full', boundMs: BOUNDS.membership },
    // After a death everything is written down, or would be; and one that is started then finds no room for its own part.
    apply: async ({ take, world, note }) => {
      const member = take()
      const disk = world.stateDisk(member.name)
      await killPool(member)
      note(`that of ${member.name}: ${disk.break()}`)
      try {
        await killPool(member)
      } finally {
        disk.mend()
      }
      await killPool(member) // the next one takes over what the one before could not
    },
  },
]
