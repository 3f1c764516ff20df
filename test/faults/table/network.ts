import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Scene } from '../fault.js'
import { BOUNDS, TIMES } from '../times.js'
import type { NetworkProxy, Weather } from '../world/proxy.js'

const NETWORK: Pick<Fault, 'grip' | 'fits'> = { grip: 'network', fits: ({ nodes }) => nodes === 1 }
const UNNOTICED = { repeats: 'nothing', rebalances: false, boundMs: BOUNDS.connection } as const
const NOTICED = { repeats: 'uncommitted', rebalances: true, boundMs: BOUNDS.membership } as const

const proxyOf = ({ world }: Scene): NetworkProxy => {
  if (world.proxy === null) throw new Error('there is no proxy in this world')
  return world.proxy
}

/** Makes the weather for one member, or for all. */
const during = async (scene: Scene, name: string, weather: Weather, ms: number): Promise<void> => {
  const proxy = proxyOf(scene)
  scene.note(`${weather.kind} for ${name === '' ? 'all' : name}, ${Math.round(ms)} ms`)
  proxy.set(name, weather)
  await sleep(ms)
  proxy.set(name, { kind: 'fair' })
}

const oneOrAll = ({ take, dice }: Scene): string => (dice.chance(0.5) ? take().name : '')

/** What happens between the pools and the broker. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    ...{ ...NETWORK, ...UNNOTICED, name: 'the network is slow' },
    apply: (scene) =>
      during(scene, oneOrAll(scene), { kind: 'slow', latencyMs: 50 + scene.dice.below(200) }, TIMES.session),
  },
  {
    ...{ ...NETWORK, ...UNNOTICED, name: 'connections are reset' },
    apply: async (scene) => {
      const name = oneOrAll(scene)
      scene.note(`${proxyOf(scene).reset(name)} of ${name === '' ? 'all' : name}`)
    },
  },
  {
    ...{ ...NETWORK, ...UNNOTICED, name: 'a black hole for less than the session' },
    apply: (scene) => during(scene, oneOrAll(scene), { kind: 'hole' }, TIMES.session / 3),
  },
  {
    ...{ ...NETWORK, ...NOTICED, name: 'a black hole for longer than the session, for one pool' },
    apply: (scene) => during(scene, scene.take().name, { kind: 'hole' }, TIMES.session * 1.5),
  },
  {
    ...{ ...NETWORK, ...NOTICED, name: 'a black hole for longer than the session, for all' },
    apply: (scene) => during(scene, '', { kind: 'hole' }, TIMES.session * 1.5),
  },
]
