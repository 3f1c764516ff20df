import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { AssignorName } from '#src/config/assignor-names.js'
import { Seat } from '#src/control/membership/seat.js'
import { graceMs, pollIntervalMs } from '#src/control/supervision/hung-handlers.js'
import { monotonicMs } from '#src/util/clock.js'
import { Diary } from '../../support/control/diary.js'
import { Dice } from '../../support/control/dice.js'
import { SimulatedCoordinator } from '../../support/control/simulated-coordinator.js'
import { SimulatedNetwork } from '../../support/control/simulated-network.js'
import { MAX_PROCESSING_MS, SimulatedPool } from '../../support/control/simulated-pool.js'

/*
 * Two pools of several slots share a group, come and go, and a player throws at random at them what can happen. POOL_SEEDS
 * says how many lives are played, POOL_SEED where to begin: the seed of a life that went wrong plays it again.
 */

const FIRST = Number(process.env.POOL_SEED ?? 1)
const LIVES = Number(process.env.POOL_SEEDS ?? 25)

const STEP_MS = 100
/** After so long without a harm every seat has heard who it is. */
const HEARD_MS = 20_000
/** After so long a handler has come back, or its thread was ended for it. */
const HUNG_MS = MAX_PROCESSING_MS + graceMs(MAX_PROCESSING_MS) + pollIntervalMs(MAX_PROCESSING_MS)
/** The longest pauses of partitions and of parked slots are 10 min. */
const CALM_MS = 15 * 60_000
/** Longer than the longest look for new partitions. */
const QUIET_MS = 120_000
/** The longest timeout of a request that nobody awaits any more, and of what follows it. */
const REST_MS = 61_000

const newLife = (seed: number) => {
  const dice = new Dice(seed)
  const diary = new Diary()
  vi.spyOn(Math, 'random').mockImplementation(dice.next) // of the jitters
  const coordinator = new SimulatedCoordinator(diary)
  const network = new SimulatedNetwork(coordinator, 2 + dice.below(6), dice)
  const repeatsNothing = dice.chance(0.6)
  network.kind = repeatsNothing
  const isStatic = { A: dice.chance(0.3), B: dice.chance(0.3) }
  const assignor: AssignorName = dice.chance(0.5) ? 'cooperative-sticky' : 'roundrobin'
  const pools: SimulatedPool[] = []
  let calmSinceMs = Number.POSITIVE_INFINITY

  const isCalm = () => monotonicMs() - calmSinceMs > HEARD_MS
  const running = () => pools.filter(({ isStopping, hasFailed }) => !isStopping && !hasFailed)
  const one = () => dice.one(running())
  const slot = () => dice.one(one()?.slots ?? [])
  const seat = () => slot()?.slot.seat

  const begin = (name: 'A' | 'B') => {
    if (pools.some((pool) => pool.name === name && !pool.isOver)) return
    const shared = { assignor, coordinator, network, dice, diary, isCalm, repeatsNothing }
    const pool = new SimulatedPool({ name, slots: 1 + dice.below(3), isStatic: isStatic[name], ...shared })
    pools.push(pool)
    // As the pool does it: one that cannot start stops itself.
    void pool.start().then(() => (pool.hasFailed ? pool.stop(true) : undefined))
  }

  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await vi.advanceTimersByTimeAsync(STEP_MS)
      coordinator.tick()
      for (const pool of pools) if (!pool.isOver) for (const { threads } of pool.slots) threads.step()
    }
  }

  const silence = (clients: SimulatedPool['seatClients'] | undefined) => {
    const client = clients?.at(-1)
    if (client !== undefined && !network.kind) network.silence(client)
  }

  const harm: Readonly<Record<string, () => void>> = {
    'a thread crashes': () => slot()?.threads.living?.crash(),
    'a thread is recycled': () => {
      slot()?.slot.recycle('asked')
    },
    'a thread falls silent': () => {
      const living = slot()?.threads.living
      if (living) living.silent = true
    },
    'nobody answers, or somebody does again': () => {
      if (!network.kind) network.away = !network.away
    },
    'the client of a pool falls silent': () => silence(one()?.sharedClients),
    'the client of a seat falls silent': () => silence(one()?.seatClients),
    'a seat is thrown out': () => {
      if (!network.kind) coordinator.kick(seat()?.membership.memberId ?? '')
    },
    'a seat joins again': () => {
      const joining = seat()
      if (joining instanceof Seat && joining.isStable) joining.rejoin('the player says so')
    },
    'the topic grows': () => {
      if (dice.chance(0.5)) network.partitions += 1
    },
    'A comes': () => begin('A'),
    'B comes': () => begin('B'),
    'one stops': () => {
      if (dice.chance(0.4)) void one()?.stop(dice.chance(0.3))
    },
    'nothing happens': () => {},
  }

  const live = async () => {
    begin('A')
    for (let left = 15 + dice.below(40); left > 0; left--) {
      const what = dice.one(Object.keys(harm)) ?? ''
      diary.event(what)
      harm[what]?.()
      await pass(dice.chance(0.3) ? STEP_MS : dice.below(dice.chance(0.1) ? 40_000 : 4_000))
    }
    diary.event('nothing goes wrong any more')
    network.calmDown()
    calmSinceMs = monotonicMs()
    await pass(HEARD_MS + HUNG_MS)
    begin('A')
    await heals()
    await ends()
    return diary
  }

  /** What the pools have not come back to. */
  const wrong = (): string[] => {
    const owners = new Map<number, number>()
    const faults = coordinator.isStable ? [] : [`the group is ${coordinator.state}`]
    for (const { name, slots } of running()) {
      for (const { slot: each, threads } of slots) {
        const who = `${name}.${each.config.slot}`
        const assigned = coordinator.assignedTo(each.seat.membership.memberId)
        const holds = each.status().assignment.map(({ partition }) => partition)
        for (const partition of holds) owners.set(partition, (owners.get(partition) ?? 0) + 1)
        if (String(holds) !== String(assigned)) faults.push(`${who} holds [${holds}] of [${assigned}]`)
        if (String(threads.partitions) !== String(assigned))
          faults.push(`the thread of ${who} has [${threads.partitions}] of [${assigned}]`)
        if (!each.isHealthy) faults.push(`${who} is not healthy (${each.state}, its seat ${each.seat.state})`)
      }
    }
    for (let partition = 0; partition < network.partitions; partition++)
      if (owners.get(partition) !== 1) faults.push(`partition ${partition} has ${owners.get(partition) ?? 0} owners`)
    return faults
  }

  const heals = async () => {
    const untilMs = monotonicMs() + CALM_MS
    while (wrong().length > 0 && monotonicMs() < untilMs) await pass(1_000)
    for (const fault of wrong()) diary.fault(fault)
    const { generation } = coordinator
    await pass(QUIET_MS)
    if (coordinator.generation !== generation) diary.fault('the group rebalances without need')
  }

  const ends = async () => {
    for (const pool of running()) {
      void pool.stop(true)
      for (let left = 200; left > 0 && !pool.isOver; left--) await pass(STEP_MS)
      if (!pool.isOver) diary.fault(`the stop of ${pool.name} does not end`)
    }
    await pass(REST_MS)
    if (vi.getTimerCount() > 0) diary.fault(`timers are left: ${vi.getTimerCount()}`)
  }

  return { live }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('whatever happens to pools of one group: each partition has one owner in the end, no stop leaves anything behind, and on a good network none repeats what is finished', async () => {
  for (let seed = FIRST; seed < FIRST + LIVES; seed++) {
    const diary = await newLife(seed).live()
    expect(diary.faults, `POOL_SEED=${seed} POOL_SEEDS=1, and at the end of that life:\n${diary.last(80)}`).toEqual([])
  }
}, 600_000)
