import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../fault.js'
import { BOUNDS, TIMES } from '../times.js'
import { PARTITIONS } from '../world/world.js'

const NOTICED = { grip: 'brokers', repeats: 'uncommitted', rebalances: true, boundMs: BOUNDS.membership } as const

/** What happens to the brokers, and to what is in them. */
export const BROKER_FAULTS: readonly Fault[] = [
  {
    ...{ ...NOTICED, name: 'a broker is killed and started again' },
    apply: async ({ world, dice, note }) => {
      const node = 1 + dice.below(world.broker.brokers.length)
      note(`node ${node}`)
      await world.broker.restart(node)
    },
  },
  {
    ...{ ...NOTICED, name: 'a broker freezes' },
    apply: async ({ world, dice, note }) => {
      const node = 1 + dice.below(world.broker.brokers.length)
      const ms = Math.round(TIMES.session * (0.3 + dice.next()))
      note(`node ${node} for ${ms} ms`)
      await world.broker.pause(node)
      await sleep(ms)
      await world.broker.resume(node)
    },
  },
  {
    name: 'the dead-letter topic is away',
    grip: 'brokers',
    repeats: 'nothing',
    rebalances: false,
    boundMs: BOUNDS.connection + TIMES.request,
    apply: async ({ world, dice, note }) => {
      await world.deleteDeadLetterTopic()
      const partition = dice.below(PARTITIONS)
      const { offset } = await world.load.order(partition, 'final')
      note(`${partition}@${offset} has nowhere to go`)
      await sleep(TIMES.session / 3)
      await world.makeDeadLetterTopic()
    },
  },
  {
    name: 'the node of the dead-letter topic is killed',
    grip: 'brokers',
    fits: ({ nodes }) => nodes === 3,
    repeats: 'nothing',
    rebalances: false,
    boundMs: BOUNDS.membership,
    // Nobody else has the topic, and what else the node leads others take over.
    apply: async ({ world, dice, mendLater, note }) => {
      const coordinator = await world.coordinator()
      const node = dice.one([1, 2, 3].filter((each) => each !== coordinator)) ?? 1
      await world.deleteDeadLetterTopic()
      await world.makeDeadLetterTopic([node])
      await world.broker.kill(node)
      const partition = dice.below(PARTITIONS)
      const { offset } = await world.load.order(partition, 'final')
      note(`node ${node}, and ${partition}@${offset} has nowhere to go`)
      await sleep(TIMES.session / 3)
      await world.broker.restart(node)
      mendLater(async () => {
        await world.deleteDeadLetterTopic()
        await world.makeDeadLetterTopic()
      })
    },
  },
]
