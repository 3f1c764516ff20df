import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { type Fault, places, type Scene } from '../fault.js'
import { BOUNDS, PATIENCE_MS, SLACK_MS, STOP_MS, TIMES } from '../times.js'
import type { Member } from '../world/member.js'

const PROCESS = { grip: 'process', rebalances: true, boundMs: BOUNDS.membership } as const
/** A process ends by itself when its pool has stopped; a thread in a native call may hold it up for as long as that takes. */
const END_MS = STOP_MS + SLACK_MS + 30_000

const HOUR_MS = 3_600_000

/** Has a member stop, and sees that nothing of its pool holds the process. */
export const terminate = async (member: Member, note: Scene['note']): Promise<void> => {
  const beganAtMs = machineMs()
  member.terminate()
  const isOver = await member.endsWithin(END_MS)
  note(`${member.name} ended ${Math.round(machineMs() - beganAtMs)} ms after SIGTERM`)
  if (isOver) return
  await member.kill()
  throw new Error(`the process of ${member.name} did not end within ${END_MS} ms of a SIGTERM`)
}

/** Longer than the session, by half at most. */
const longerThanSession = ({ dice }: Scene): number => Math.round(TIMES.session * (1.2 + 0.3 * dice.next()))

/** Starts a pool and ends it with SIGTERM some time later, whatever it does then. */
const startAndTerminate = async ({ world, note }: Scene, name: string, afterMs: number): Promise<void> => {
  const member = world.spawn(name)
  const started = member.start().then(
    () => 'had started',
    (error: Error) => error.message,
  )
  await sleep(afterMs)
  await terminate(member, note)
  note(`SIGTERM ${Math.round(afterMs)} ms after its birth; its start: ${await started}`)
}

/** What happens to whole processes. */
export const PROCESS_FAULTS: readonly Fault[] = [
  {
    ...PROCESS,
    name: 'a process is killed and started again',
    repeats: 'uncommitted',
    apply: async ({ take, world, note }) => {
      const member = take()
      note(member.name)
      await member.kill()
      await world.begin(member.name)
    },
  },
  {
    ...PROCESS,
    name: 'a process is stopped and started again',
    repeats: 'nothing',
    apply: async ({ take, world, note }) => {
      const member = take()
      await terminate(member, note)
      await world.begin(member.name)
    },
  },
  {
    ...PROCESS,
    name: 'a process is frozen for longer than its session',
    repeats: 'uncommitted',
    apply: async (scene) => {
      const member = scene.take()
      const ms = longerThanSession(scene)
      scene.note(`${member.name} for ${ms} ms`)
      member.freeze()
      await sleep(ms)
      member.thaw()
    },
  },
  {
    ...PROCESS,
    name: 'a main thread is blocked for longer than its session',
    repeats: 'uncommitted',
    apply: async (scene) => {
      const member = scene.take()
      const ms = longerThanSession(scene)
      scene.note(`${member.name} for ${ms} ms`)
      await member.block(ms)
    },
  },
  {
    ...PROCESS,
    name: 'the wall clock jumps forward by an hour and back by two',
    // Children, and processes under a supervisor, have clocks of their own.
    fits: ({ pool, isSupervised }) => pool.isolation === undefined && !isSupervised,
    repeats: 'nothing',
    rebalances: false,
    apply: async ({ take, note }) => {
      const member = take()
      note(member.name)
      for (const hours of [1, -1, 0]) {
        await member.clock(hours * HOUR_MS)
        await sleep(TIMES.session / 2)
      }
    },
  },
  {
    ...PROCESS,
    name: 'SIGTERM during a start',
    repeats: 'uncommitted',
    apply: (scene) => startAndTerminate(scene, 'late', scene.dice.next() * 2_500),
  },
  {
    ...PROCESS,
    name: 'SIGTERM during a rebalance',
    repeats: 'uncommitted',
    apply: async (scene) => {
      const { take, world, dice, note } = scene
      const member = take()
      const other = world.spawn('guest')
      const joined = other.start()
      const isRebalancing = async () => {
        const { slots } = await member.status()
        return slots.some(({ seat }) => seat.state !== 'stable')
      }
      // Not always seen: a rebalance may be over before the next look.
      await Promise.race([until(isRebalancing, { what: 'a rebalance', deadlineMs: PATIENCE_MS, everyMs: 20 }), joined])
      await sleep(dice.next() * 50)
      note('a guest had come')
      await terminate(member, note)
      await Promise.all([world.begin(member.name), joined.then(() => terminate(other, note))])
    },
  },
  {
    ...PROCESS,
    name: 'SIGTERM during a back-off',
    repeats: 'in flight',
    apply: async ({ take, world, dice, note }) => {
      const member = take()
      const before = await member.status()
      const at = dice.one(places(before, dice))
      if (at === undefined) throw new Error(`${member.name} has no partition`)
      const { offset } = await world.load.order(at.partition, 'exits:4')
      // Only the second death in a row that bears no fruit makes a slot wait: at the third death, or the second.
      const waitsOrIsOver = async () => {
        const { slots } = await member.status()
        const waits = slots.some(
          ({ slot, state, restarts }) => state === 'restarting' && restarts > (before.slots[slot]?.restarts ?? 0) + 1,
        )
        const finished = slots
          .flatMap(({ assignment }) => assignment)
          .find(({ partition }) => partition === at.partition)
        return waits || Number(finished?.finishedUpTo ?? offset + 1) > offset
      }
      await until(waitsOrIsOver, { what: 'a slot to back off', deadlineMs: PATIENCE_MS, everyMs: 20 })
      await terminate(member, note)
      await world.begin(member.name)
    },
  },
]
