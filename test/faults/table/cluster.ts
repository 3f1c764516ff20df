import { until } from '#scripts/support/until.js'
import type { Fault, Scene } from '../fault.js'
import { BOUNDS, PATIENCE_MS } from '../times.js'
import { terminate } from './processes.js'

/** The group does not notice: who is in it, and what was committed, is there again with the next coordinator. */
const CLUSTER: Pick<Fault, 'grip' | 'fits' | 'repeats' | 'rebalances' | 'boundMs'> = {
  grip: 'brokers',
  fits: ({ nodes }) => nodes === 3,
  repeats: 'nothing',
  rebalances: false,
  boundMs: BOUNDS.membership,
}
/** It may: a session that was nearly over ends before the next coordinator is there. */
const MEMBERSHIP = { repeats: 'uncommitted', rebalances: true } as const

const killUntilWorking = async ({ world, mendLater, note }: Scene, node: number): Promise<void> => {
  note(`node ${node}`)
  await world.broker.kill(node)
  mendLater(() => world.broker.restart(node))
}

/** What happens to nodes where others can take over. */
export const CLUSTER_FAULTS: readonly Fault[] = [
  {
    ...{ ...CLUSTER, ...MEMBERSHIP, name: 'the coordinator is killed, and another node takes over' },
    apply: async (scene) => killUntilWorking(scene, await scene.world.coordinator()),
  },
  {
    ...{ ...CLUSTER, ...MEMBERSHIP, name: 'the controller is killed, and another node takes over' },
    apply: async (scene) => killUntilWorking(scene, await scene.world.controller()),
  },
  {
    ...{ ...CLUSTER, name: 'the node that leads most partitions is killed' },
    apply: async (scene) => {
      const { world, dice } = scene
      const [[node, led] = [1, 0]] = [...(await world.leads())].sort(([, a], [, b]) => b - a)
      // The coordinator is the matter of another fault.
      if (node === (await world.coordinator())) await world.moveCoordinator(dice)
      scene.note(`it leads ${led}`)
      await killUntilWorking(scene, node)
    },
  },
  {
    ...{ ...CLUSTER, name: 'nodes are restarted one after the other' },
    apply: async ({ world }) => {
      for (const node of world.nodes) {
        await world.broker.kill(node, 'SIGTERM')
        await world.broker.restart(node)
      }
    },
  },
  {
    ...{ ...CLUSTER, ...MEMBERSHIP, name: 'all nodes are killed at once and started again' },
    apply: async ({ world }) => {
      await Promise.all(world.nodes.map((node) => world.broker.kill(node)))
      await Promise.all(world.nodes.map((node) => world.broker.restart(node)))
    },
  },
  {
    ...{ ...CLUSTER, name: 'the coordinator moves to another node' },
    apply: async ({ world, dice, note }) => note(`to node ${await world.moveCoordinator(dice)}`),
  },
  {
    ...{ ...CLUSTER, ...MEMBERSHIP, name: 'the coordinator moves to another node while pools join' },
    apply: async ({ world, dice, note }) => {
      const guest = world.spawn('guest')
      const joined = guest.start()
      const isRebalancing = async () => {
        const views = await world.look()
        return views.some(({ status }) => status.slots.some(({ seat }) => seat.state !== 'stable'))
      }
      // Not always seen: a rebalance may be over before the next look.
      await Promise.race([until(isRebalancing, { what: 'a rebalance', deadlineMs: PATIENCE_MS, everyMs: 20 }), joined])
      note(`to node ${await world.moveCoordinator(dice)}`)
      await joined
      await terminate(guest, note)
    },
  },
]
