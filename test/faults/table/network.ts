import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene } from '../fault.js'
import { BOUNDS, TIMES } from '../times.js'
import type { Weather } from '../world/proxy.js'

const NETWORK = { grip: 'network' } as const
const UNNOTICED = { ...NETWORK, repeats: 'nothing', rebalances: false, boundMs: BOUNDS.connection } as const
const NOTICED = { ...NETWORK, repeats: 'uncommitted', rebalances: true, boundMs: BOUNDS.membership } as const

/** Longer than the session, with what is on its way. */
const LONG_MS = TIMES.session * 1.5
/** As 90 s are to a session of 45. */
const TWICE_MS = TIMES.session * 2

/** Makes the weather for one member, or for all. */
const during = async ({ world, note }: Scene, name: string, weather: Weather, ms: number): Promise<void> => {
  note(`${weather.kind} for ${name === '' ? 'all' : name}, ${Math.round(ms)} ms`)
  world.weather(name, weather)
  await sleep(ms)
  world.weather(name, { kind: 'fair' })
}

/** Makes the weather before the node that coordinates the group. */
const beforeCoordinator = async ({ world, note }: Scene, weather: Weather, ms: number): Promise<void> => {
  const node = await world.coordinator()
  note(`${weather.kind} before node ${node}, ${Math.round(ms)} ms`)
  world.weather('', weather, [node])
  await sleep(ms)
  world.weather('', { kind: 'fair' }, [node])
}

const oneOrAll = ({ take, dice }: Scene): string => (dice.chance(0.5) ? take().name : '')

/** What happens between the pools and the nodes. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    ...{ ...UNNOTICED, name: 'the network is slow' },
    apply: (scene) =>
      during(scene, oneOrAll(scene), { kind: 'slow', latencyMs: 50 + scene.dice.below(200) }, TIMES.session),
  },
  {
    ...{ ...UNNOTICED, name: 'connections are reset' },
    apply: async (scene) => {
      const name = oneOrAll(scene)
      scene.note(`${scene.world.reset(name)} of ${name === '' ? 'all' : name}`)
    },
  },
  {
    ...{ ...UNNOTICED, name: 'a black hole for less than the session' },
    apply: (scene) => during(scene, oneOrAll(scene), { kind: 'hole' }, TIMES.session / 3),
  },
  {
    ...{ ...NOTICED, name: 'a black hole for longer than the session, for one pool' },
    apply: (scene) => during(scene, scene.take().name, { kind: 'hole' }, LONG_MS),
  },
  {
    ...{ ...NOTICED, name: 'a black hole for longer than the session, for all' },
    apply: (scene) => during(scene, '', { kind: 'hole' }, LONG_MS),
  },
  {
    ...{ ...NOTICED, name: 'no answer comes for twice the session' },
    apply: (scene) => during(scene, oneOrAll(scene), { kind: 'hole', swallows: 'answers' }, TWICE_MS),
  },
  {
    ...{ ...NOTICED, name: 'no request arrives for twice the session' },
    apply: (scene) => during(scene, oneOrAll(scene), { kind: 'hole', swallows: 'requests' }, TWICE_MS),
  },
  {
    ...{ ...NOTICED, name: 'the coordinator cannot be reached for longer than the session' },
    fits: ({ nodes }) => nodes === 3,
    apply: (scene) => beforeCoordinator(scene, { kind: 'hole' }, LONG_MS),
  },
  {
    ...{ ...UNNOTICED, name: 'the coordinator is slow' },
    fits: ({ nodes }) => nodes === 3,
    apply: (scene) => beforeCoordinator(scene, { kind: 'slow', latencyMs: 100 + scene.dice.below(400) }, TIMES.session),
  },
]
