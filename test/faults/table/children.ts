import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene } from '../fault.js'
import { BOUNDS, TIMES } from '../times.js'
import type { Member } from '../world/member.js'
import { signal } from '../world/processes.js'
import { deed } from './deed.js'

const CHILDREN: Pick<Fault, 'grip' | 'fits' | 'repeats' | 'rebalances'> = {
  ...{ grip: 'threads', repeats: 'in flight', rebalances: false },
  fits: ({ pool }) => pool.isolation === 'process',
}

/** Ids of the processes that fill the slots of a member. */
const childrenOf = async (member: Member): Promise<number[]> => {
  const { slots } = await member.status()
  return slots.flatMap(({ threadId }) => threadId ?? [])
}

const oneChild = async ({ take, dice, note }: Scene): Promise<{ member: Member; pid: number }> => {
  const member = take()
  const pid = dice.one(await childrenOf(member))
  if (pid === undefined) throw new Error(`no slot of ${member.name} has a process`)
  note(`${pid} of ${member.name}`)
  return { member, pid }
}

/** What can happen to the processes of slots, and what their handlers can do to them. */
export const CHILD_FAULTS: readonly Fault[] = [
  deed('the handler is a segmentation fault', 'signal-once:11', { ...CHILDREN, boundMs: BOUNDS.thread }),
  deed('the handler aborts', 'signal-once:6', { ...CHILDREN, boundMs: BOUNDS.thread }),
  deed('a message has V8 abort every process that handles it', 'vast', { ...CHILDREN, boundMs: BOUNDS.backOff }),
  {
    ...{ ...CHILDREN, name: 'the process of a slot is killed', boundMs: BOUNDS.thread },
    apply: async (scene) => signal((await oneChild(scene)).pid, 'SIGKILL'),
  },
  {
    ...{ ...CHILDREN, name: 'all processes of slots are killed at once', boundMs: BOUNDS.thread },
    apply: async ({ world, note }) => {
      const pids = (await Promise.all(world.up.map(childrenOf))).flat()
      for (const pid of pids) signal(pid, 'SIGKILL')
      note(`${pids.length} processes`)
    },
  },
  {
    // It is ended at the deadline when it has a message, and goes on when it has none.
    ...{ ...CHILDREN, name: 'the process of a slot is frozen for longer than the session', boundMs: BOUNDS.hung },
    apply: async (scene) => {
      const { member, pid } = await oneChild(scene)
      member.freeze(pid)
      await sleep(TIMES.session * 1.3)
      member.thaw(pid)
    },
  },
]
