import { until } from '#scripts/support/until.js'
import { type Fault, places, type Scene } from '../fault.js'
import { BOUNDS, PATIENCE_MS } from '../times.js'

/** Has a message do something to the thread that handles it. `deed` is one of test/support/handlers/record.mjs. */
const order = async ({ world, dice, note }: Scene, deed: string): Promise<void> => {
  const partition = dice.below(world.load.highs.length)
  const { offset } = await world.load.order(partition, deed)
  note(`${deed} is ${partition}@${offset}`)
}

const deed = (name: string, does: string, more: Pick<Fault, 'repeats' | 'boundMs'>): Fault => ({
  ...{ name, grip: 'threads', rebalances: false, ...more },
  apply: (scene) => order(scene, does),
})

const FAILS = { repeats: 'nothing', boundMs: BOUNDS.retry } as const
const DIES = { repeats: 'in flight', boundMs: BOUNDS.thread } as const
const HANGS = { repeats: 'in flight', boundMs: BOUNDS.hung } as const

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
  deed('the handler exits three times', 'exits:3', { repeats: 'in flight', boundMs: BOUNDS.backOff }),
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
        // It died of the module, and not of the message.
        const isDown = async () => {
          const { lastError } = (await view.member.status()).slots[place.slot] ?? {}
          return lastError !== null && lastError !== undefined && lastError.code !== 'KCP_THREAD_EXITED'
        }
        await until(isDown, { what: 'the slot to be without a thread', deadlineMs: PATIENCE_MS, everyMs: 20 })
        note(`slot ${place.slot} of ${view.member.name} is down`)
      } finally {
        world.mendHandler()
      }
    },
  },
]
