import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Seat } from '#src/control/membership/seat.js'
import { OnHold } from '#src/control/steering/on-hold.js'
import { HungHandlers } from '#src/control/supervision/hung-handlers.js'
import { ErrorCode, PoolError } from '#src/errors.js'
import { monotonicMs } from '#src/util/clock.js'
import { eager, slotConfig } from '../../support/config/slot-config.js'
import { Diary } from '../../support/control/diary.js'
import { Dice } from '../../support/control/dice.js'
import { SimulatedGroup } from '../../support/control/simulated-group.js'
import { Killers, SimulatedThreads } from '../../support/control/simulated-threads.js'
import { slotBench } from '../../support/control/slot-bench.js'

/*
 * A player throws everything at one slot that can happen to it, at random. SLOT_SEEDS says how many lives are played,
 * SLOT_SEED where to begin: the seed of a life that went wrong plays it again.
 */

const FIRST = Number(process.env.SLOT_SEED ?? 1)
const LIVES = Number(process.env.SLOT_SEEDS ?? 100)

const STEP_MS = 100
const DRAIN_MS = 10_000
/** What a stop may take beyond its time to drain: the last commit, leaving, the goodbye to the thread. */
const STOP_MS = 2_500
/** The longest pauses of partitions and of parked slots are 10 min. */
const CALM_MS = 15 * 60_000
const EVENTS = [
  'slot:ready',
  'slot:crashed',
  'slot:recovered',
  'slot:recycled',
  'slot:parked',
  'group:joined',
  'group:assigned',
] as const

const newLife = (seed: number) => {
  const dice = new Dice(seed)
  const diary = new Diary()
  vi.spyOn(Math, 'random').mockImplementation(dice.next) // of the jitters
  const isStatic = dice.chance(0.3)
  const group = new SimulatedGroup(isStatic, dice, diary)
  const killers = new Killers(1 + dice.below(3))
  const onHold = new OnHold()
  const bench = slotBench({
    onHold,
    config: slotConfig({
      ...eager,
      convictAfter: killers.limit,
      consumer: { groupInstanceId: isStatic ? 'instance' : null },
      concurrency: 2,
      maxProcessingMs: 20_000,
    }),
    settings: {
      recovery: dice.chance(0.3) ? 'rejoin' : 'handover',
      drainTimeoutMs: DRAIN_MS,
      restart: {
        delayMs: 1_000,
        maxDelayMs: 30_000,
        healthyAfterMs: 120_000,
        maxRestarts: dice.chance(0.5) ? 3 : 8,
        maxPoolRestarts: 1_000,
        windowMs: 300_000,
        probeMs: 30_000,
      },
    },
    answers: (client) => group.answers(client),
  })
  group.answersPool(bench.poolClient)
  const { slot } = bench
  const isPaused = (partition: number) => onHold.since({ topic: 'orders', partition }) !== null
  const threads = new SimulatedThreads(bench.threads, {
    group: Object.assign(group, { isPaused }),
    dice,
    diary,
    killers,
  })
  const hung = new HungHandlers({ slots: [slot], log: pino({ level: 'silent' }) })
  const convicts = new Set<string>()
  const seeks = dice.chance(0.4)
  let sought = 0
  let startFailed = false
  let stoppedInMs: number | null = null
  let stopping: Promise<void> | null = null
  let threadsAtStop = 0

  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      const fromMs = monotonicMs()
      threadsAtStop = bench.threads.all.length
      diary.event('stop')
      await slot.stop(fromMs + DRAIN_MS, true)
      stoppedInMs = monotonicMs() - fromMs
      diary.event('stopped')
    })()
    return stopping
  }

  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await vi.advanceTimersByTimeAsync(STEP_MS)
      threads.step()
    }
  }

  const harm: Readonly<Record<string, () => void>> = {
    'the thread crashes': () => threads.living?.crash(),
    'the thread is ended': () => threads.living?.end(new PoolError(ErrorCode.handlerHung, 'the player ends it')),
    'the thread falls silent': () => {
      if (threads.living !== null) threads.living.silent = true
    },
    'the thread is recycled': () => {
      slot.recycle('asked')
    },
    'a hook blocks the thread': () => {
      const { living } = threads
      if (living === null) return
      living.ledger.beginHook(dice.chance(0.5) ? 'setup' : 'teardown', monotonicMs())
      living.silent = true
    },
    'the group rebalances': () => group.rebalance(),
    'the seat is thrown out': () => group.kick(),
    'generations go by': () => group.skipGenerations(1 + dice.below(2)),
    'the seat joins again': () => {
      const { seat } = slot
      if (seat instanceof Seat && seat.isStable) seat.rejoin('the player says so')
    },
    'the instance id is taken': () => {
      group.fences = isStatic && dice.chance(0.4)
    },
    'the coordinator goes or comes': () => {
      group.away = !group.away
    },
    'a leader goes or comes': () => {
      group.leaderless = !group.leaderless
    },
    'a user pauses a partition': () => {
      onHold.pause('orders', [dice.below(4)], monotonicMs())
      void slot.obey()
    },
    'a user resumes partitions': () => {
      onHold.resume('orders', dice.chance(0.5) ? null : [dice.below(4)])
      void slot.obey()
    },
    'a user lets a partition go on elsewhere': () => {
      const partition = dice.one(slot.held)?.partition
      if (!seeks || partition === undefined) return
      const offset = BigInt(dice.below(Number(group.doneOf(partition)) + 1))
      killers.exempt(partition)
      group.beginSeek(partition)
      const isDone = () => {
        const stored = group.committed.get(partition) ?? -1n
        const held = slot.status().assignment.find((each) => each.partition === partition)
        if (stored < offset) diary.fault(`${partition} went on at ${offset}, and ${stored} is stored`)
        else if (held !== undefined && stored > BigInt(held.finishedUpTo))
          diary.fault(
            `${partition} went on at ${offset}, is finished up to ${held.finishedUpTo}, and ${stored} is stored`,
          )
        sought += 1
      }
      const isNot = (error: PoolError) => diary.event(`the seek failed: ${error.code}`)
      void slot
        .seek({ topic: 'orders', partition }, { offset })
        .then(isDone, isNot)
        .finally(() => group.endSeek(partition))
    },
    'nothing happens': () => {},
  }

  /** Where it stands still because of a message that kills. */
  const resume = () => {
    for (const { topic, partition, paused } of slot.status().assignment) {
      if (paused?.reason !== 'poisoned') continue
      killers.pardon(`${partition}@${paused.offset}`)
      slot.resume({ topic, partition })
    }
  }

  const live = async () => {
    const looks = setInterval(() => {
      void slot.commit()
      slot.watch(monotonicMs())
    }, 1_000)
    let eventsUntilStop = dice.chance(0.15) ? dice.below(60) : Number.POSITIVE_INFINITY
    const listen = () => {
      if (eventsUntilStop-- <= 0) void stop()
    }
    for (const event of EVENTS) bench.on(event, listen)
    bench.on('partition:paused', (event) => {
      const { reason, partition, offset } = event as { reason: string; partition: number; offset: string }
      if (reason === 'poisoned') convicts.add(`${partition}@${offset}`)
    })
    slot.boot().catch(() => {})
    slot.join().catch((error: PoolError) => {
      diary.event(`the start failed: ${error.code}`)
      startFailed = true
    })
    for (let left = 20 + dice.below(60); left > 0 && !startFailed; left--) {
      const what = dice.one(Object.keys(harm)) ?? ''
      diary.event(what)
      harm[what]?.()
      await pass(dice.chance(0.3) ? STEP_MS : dice.below(dice.chance(0.1) ? 60_000 : 4_000))
    }
    eventsUntilStop = Number.POSITIVE_INFINITY
    const isCalm = stopping === null && !startFailed && dice.chance(0.6)
    if (isCalm) await heals()
    await ends(isCalm)
    clearInterval(looks)
    for (const key of convicts) if (!killers.seen.has(key)) diary.fault(`${key} is convicted for the deaths of others`)
    hung.close()
    await vi.advanceTimersByTimeAsync(9_000) // the longest pause of a simulated coordinator
    if (vi.getTimerCount() > 0) diary.fault(`timers are left: ${vi.getTimerCount()}`)
    return { diary, bench, convicts: convicts.size, sought }
  }

  /** What the slot has not come back to. */
  const wrong = (): string[] => {
    const { assigned } = group
    const holds = slot.status().assignment.map(({ partition }) => partition)
    return [
      slot.state !== 'running' ? `it is ${slot.state}, its seat ${slot.seat.state}` : null,
      String(holds) !== String(assigned) ? `it holds [${holds}] of [${assigned}]` : null,
      String(threads.partitions) !== String(assigned)
        ? `its thread has [${threads.partitions}] of [${assigned}]`
        : null,
      !slot.isHealthy ? 'it is not healthy' : null,
      slot.isGivenUp ? 'it is given up' : null,
    ].filter((fault) => fault !== null)
  }

  const heals = async () => {
    diary.event('nothing goes wrong any more')
    group.calmDown()
    onHold.resume('orders', null)
    void slot.obey()
    killers.keys.clear()
    const untilMs = monotonicMs() + CALM_MS
    await pass(10_000)
    const isOut = () => bench.heard('slot:parked').some((event) => (event as { retryInMs: unknown }).retryInMs === null)
    while (!isOut() && wrong().length > 0 && monotonicMs() < untilMs) {
      resume()
      await pass(1_000)
    }
    if (isOut()) return
    for (const fault of wrong()) diary.fault(fault)
    // Not what is done in all: a slot that was thrown out may have done more, uncommitted, which is done again.
    const now = () => new Map(slot.status().assignment.map((held) => [held.partition, held.finishedUpTo]))
    const before = now()
    const stands = (partition: number) => now().get(partition) === before.get(partition)
    for (let tries = 60; tries > 0 && group.assigned.some(stands); tries--) await pass(1_000)
    for (const partition of group.assigned) {
      if (stands(partition)) diary.fault(`nothing moves in partition ${partition}`)
      const uncommitted = group.doneOf(partition) - (group.committed.get(partition) ?? 0n)
      if (uncommitted > 200n) diary.fault(`partition ${partition}: ${uncommitted} messages are not committed`)
    }
  }

  const ends = async (isCalm: boolean) => {
    void stop()
    for (let leftMs = DRAIN_MS + 4_000; leftMs > 0 && stoppedInMs === null; leftMs -= STEP_MS) await pass(STEP_MS)
    if (stoppedInMs === null) diary.fault('the stop does not end')
    else if (stoppedInMs > DRAIN_MS + STOP_MS) diary.fault(`the stop took ${stoppedInMs} ms`)
    if (slot.state !== 'stopped') diary.fault(`it is ${slot.state} after its stop`)
    if (bench.threads.all.length > threadsAtStop) diary.fault('a thread was begun after the stop')
    if (threads.living !== null) diary.fault('a thread is left')
    if (isCalm && group.hasMember) diary.fault('a member is left in the group')
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

test('whatever happens to a slot: no commit goes back or ahead, nothing is skipped or held twice, what kills is convicted in time and nobody in its place, it heals when the world does, and its stop ends in time and leaves nothing', async () => {
  const heard = new Set<string>()
  let convicted = 0
  let soughtInAll = 0
  for (let seed = FIRST; seed < FIRST + LIVES; seed++) {
    const { diary, bench, convicts, sought } = await newLife(seed).live()
    convicted += convicts
    soughtInAll += sought
    expect(diary.faults, `SLOT_SEED=${seed} SLOT_SEEDS=1, and at the end of that life:\n${diary.last(60)}`).toEqual([])
    for (const event of EVENTS) if (bench.heard(event).length > 0) heard.add(event)
  }
  if (LIVES < 60) return
  expect([...heard].sort()).toEqual([...EVENTS].sort())
  expect(convicted).toBeGreaterThan(LIVES / 10)
  expect(soughtInAll).toBeGreaterThan(LIVES / 10)
}, 600_000)
