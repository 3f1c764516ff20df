import { until } from '#scripts/support/until.js'
import { type Fault, places } from '../fault.js'
import { BOUNDS, PATIENCE_MS } from '../times.js'
import { PARTITIONS } from '../world/world.js'
import { deed } from './deed.js'

const FAILS = { repeats: 'nothing', boundMs: BOUNDS.retry } as const
const DIES = { repeats: 'in flight', boundMs: BOUNDS.thread } as const
const HANGS = { repeats: 'in flight', boundMs: BOUNDS.hung } as const

const RECYCLINGS = 2
/** Little enough for the thread to be recycled before the heap is full, and much of it. */
const LEAK_KIB = 1024
const LOOK_MS = 20

/** Does something again and again until a number has risen, of which -1 says that it is not known just now. */
const untilMore = async (what: string, count: () => Promise<number>, again: () => Promise<unknown>): Promise<void> => {
  let before = Number.POSITIVE_INFINITY
  const isDone = async () => {
    const now = await count()
    if (now > before) return true
    // Slots that are gone take what they have counted with them.
    if (now >= 0) before = Math.min(before, now)
    await again()
    return false
  }
  await until(isDone, { what, deadlineMs: PATIENCE_MS, everyMs: LOOK_MS })
}

/** What a handler can do to the thread that it runs in. */
export const THREAD_FAULTS: readonly Fault[] = [
  deed('the handler throws', 'flaky:1', FAILS),
  deed('the handler throws null', 'null-once', FAILS),
  deed('the handler overflows its stack', 'stack-once', FAILS),
  deed('the handler throws where nobody catches', 'uncaught-once', DIES),
  deed('the handler leaves a rejected promise alone', 'forsaken-once', DIES),
  deed('the handler exits', 'exit-once', DIES),
  deed('the handler takes all memory that it may', 'oom-once', HANGS),
  deed('the handler loops for ever', 'loop-once', HANGS),
  deed('the handler matches a catastrophic expression', 'regex-once', HANGS),
  deed('the handler waits for ever', 'wait-once', HANGS),
  deed('the handler makes a native call of 20 s', 'native-once:20000', HANGS),
  deed('the handler exits twice', 'exits:2', { repeats: 'in flight', boundMs: BOUNDS.backOff }),
  deed('a message ends every thread that handles it', 'exit', { repeats: 'in flight', boundMs: BOUNDS.backOff }),
  {
    ...{ name: 'all slots crash at once', grip: 'threads', ...DIES, rebalances: false },
    apply: async ({ world, dice, note }) => {
      const views = await world.look()
      const all = views.flatMap(({ status }) => places(status, dice))
      await Promise.all(all.map(({ partition }) => world.load.order(partition, 'exit-once')))
      note(`${all.length} slots`)
    },
  },
  {
    ...{ name: 'threads are recycled', grip: 'threads', repeats: 'nothing', rebalances: false, boundMs: BOUNDS.thread },
    apply: async ({ take, note }) => {
      const member = take()
      for (let times = 1; times <= RECYCLINGS; times++) {
        for (const { slot } of (await member.status()).slots) {
          const count = async () => (await member.status()).slots[slot]?.recycles ?? -1
          await untilMore(`slot ${slot} to be recycled`, count, () => member.recycle(slot))
        }
      }
      note(`each slot of ${member.name} ${RECYCLINGS} times`)
    },
  },
  {
    ...{ name: 'the handler leaks', grip: 'threads', repeats: 'nothing', rebalances: false, boundMs: BOUNDS.thread },
    apply: async ({ world, dice, note }) => {
      const partition = dice.below(PARTITIONS)
      let leaked = 0
      // In whichever thread it is then: another fault may have it move.
      const recycles = async () => {
        const views = await world.look()
        if (views.length < world.on) return -1
        return views.flatMap(({ status }) => status.slots).reduce((sum, slot) => sum + slot.recycles, 0)
      }
      await untilMore('a slot to be recycled', recycles, async () => {
        await world.load.order(partition, `keep:${LEAK_KIB}`)
        leaked += 1
      })
      note(`in ${partition}, ${leaked} × ${LEAK_KIB} KiB`)
    },
  },
  {
    name: 'the module of the handler is replaced by a broken one',
    grip: 'module',
    repeats: 'in flight',
    rebalances: false,
    boundMs: BOUNDS.backOff,
    // The first thread that dies is replaced by a spare, which has the old module still.
    apply: async (scene) => {
      const { world, dice, note } = scene
      const [view] = await world.look()
      const place = view && dice.one(places(view.status, dice))
      if (view === undefined || place === undefined) throw new Error('no pool has a partition')
      world.breakHandler()
      try {
        for (let kills = 0; kills < 2; kills++) await world.load.order(place.partition, 'exit-once')
        // Whoever has the partition then: another fault may have it move. It died of the module, and not of the message.
        const down = async () => {
          const views = await world.look()
          const slots = views.flatMap(({ member, status }) => status.slots.map((slot) => ({ member, ...slot })))
          return slots.find(
            ({ state, lastError }) => state !== 'running' && lastError?.code === 'KCP_HANDLER_THREW_ON_IMPORT',
          )
        }
        const { member, slot } = await until(down, {
          ...{ what: 'a slot to be without a thread', deadlineMs: PATIENCE_MS, everyMs: 20 },
        })
        note(`slot ${slot} of ${member.name} is down`)
      } finally {
        world.mendHandler()
      }
    },
  },
]
