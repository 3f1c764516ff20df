import type { PoolSettings, ResolvedConfig, SlotConfig } from '#src/config/resolved.js'
import { giveUpLeadMs } from '#src/control/give-up-time.js'
import { releaseTimes } from '#src/control/membership/release-times.js'
import { kafkaOfSeat, syncHoldMs } from '#src/control/membership/seat-times.js'
import { pauseAfter } from '#src/control/pauses.js'
import { CrashBook, type Death } from '#src/control/supervision/crash-book.js'
import { Escalation } from '#src/control/supervision/escalation.js'
import { findHung, graceMs, pollIntervalMs } from '#src/control/supervision/hung-handlers.js'
import { Suspects } from '#src/control/supervision/suspects.js'
import { bufferLimit } from '#src/data/fetching/buffer-limit.js'
import { planFetch } from '#src/data/fetching/fetch-plan.js'
import { PoolError } from '#src/errors.js'
import { backoffMs } from '#src/util/backoff.js'
import { LONGEST_TIMER_MS } from '#src/util/timers.js'

/*
 * What a pool promises whatever its options are, as pure functions of the configuration that it runs with. They ask the
 * code that decides, not a copy of its rules.
 */

/** Longer pauses are as good as for ever; with the jitter of the delays. */
const A_DAY_MS = 86_400_000 * 1.2
/** More crashes than this are not lived through one by one. */
const MANY = 5_000

type Promised<T> = readonly (readonly [sentence: string, holds: (of: T) => boolean])[]

const aSlot: Promised<{ readonly slot: SlotConfig; readonly pool: PoolSettings }> = [
  [
    'a connection that goes silent costs no membership: there is time to notice it and to open another one',
    ({ slot }) => {
      const { requestTimeout, connectionTimeout, authenticationTimeout } = kafkaOfSeat(slot)
      const { heartbeatInterval, sessionTimeout } = slot.consumer
      return heartbeatInterval + requestTimeout + connectionTimeout + authenticationTimeout <= sessionTimeout
    },
  ],
  [
    'the assignment comes, or its wait ends, within the session',
    ({ slot }) => syncHoldMs(slot.consumer) + kafkaOfSeat(slot).requestTimeout <= slot.consumer.sessionTimeout,
  ],
  [
    'a rebalance is over with this member: it hears of it, lets its handlers come back, commits, and has as long to join',
    ({ slot: { consumer } }) => {
      const { quiesceMs, commitMs } = releaseTimes(consumer)
      return consumer.heartbeatInterval + 2 * (quiesceMs + commitMs) <= consumer.rebalanceTimeout
    },
  ],
  [
    'handlers get time to come back before a rebalance',
    ({ slot: { consumer } }) => releaseTimes(consumer).quiesceMs >= Math.min(1_000, consumer.sessionTimeout / 3),
  ],
  [
    'a Fetch that finds nothing is answered before anybody gives it up',
    ({ slot: { consumer, kafka } }) =>
      consumer.maxWaitTimeInMs < kafka.requestTimeout && consumer.maxWaitTimeInMs < consumer.sessionTimeout,
  ],
  [
    'a Fetch can bring what it waits for',
    ({ slot: { consumer } }) => {
      const hungry = {
        heldBytes: 0,
        waitingBytes: 0,
        enoughBytes: 1,
        askBytes: 65_536,
        expansion: 1,
        atEnd: false,
        fresh: false,
      }
      const plan = planFetch([{ ...hungry, leastBytes: 0, waits: false, cannotMove: false }], {
        ...consumer,
        bufferBytes: 2 ** 24,
      })
      return consumer.minBytes <= consumer.maxBytes && Math.min(consumer.minBytes, plan.bringBytes) <= plan.bringBytes
    },
  ],
  [
    'a handler that does not come back is noticed, before the ledger cannot tell its time any more',
    ({ slot: { maxProcessingMs } }) => {
      const grace = graceMs(maxProcessingMs)
      const runningMs = Math.min(maxProcessingMs + grace + 2 * pollIntervalMs(maxProcessingMs), LONGEST_TIMER_MS)
      return findHung([{ partitionId: 0, offset: 0n, attempt: 1, runningMs }], maxProcessingMs, grace).length === 1
    },
  ],
  [
    'a message that fails is exhausted after a day of waiting at the latest',
    ({ slot: { retry } }) => {
      let sumMs = 0
      for (let failures = 1; failures < retry.attempts && sumMs <= A_DAY_MS; failures++) {
        // By now each wait is as long as the one before.
        if (failures > MANY) return sumMs + (retry.attempts - failures) * backoffMs(failures, retry, 1) <= A_DAY_MS
        sumMs += backoffMs(failures, retry, 1)
      }
      return sumMs <= A_DAY_MS
    },
  ],
  [
    'what stands still is tried again within a day (before that no pool escalates), not all the time, and at last every maxPauseMs',
    ({ slot: { retry } }) => {
      const standstill = {
        reason: 'exhausted' as const,
        offset: '0',
        error: new PoolError('KCP_HANDLER_EXHAUSTED', 'model'),
        attempts: 1,
      }
      let pause = pauseAfter(null, standstill, retry, 0, 0.5)
      const first = pause.retryAtMs ?? 0
      for (let tries = 0; tries < 40; tries++) pause = pauseAfter(pause, standstill, retry, 0, 0.5)
      return first >= 1_000 && pause.retryAtMs === retry.maxPauseMs && pause.retryAtMs <= A_DAY_MS
    },
  ],
  [
    'a batch that a Fetch of one partition may bring is not too large to be decompressed',
    ({ slot: { consumer } }) => consumer.maxDecompressedBytes >= consumer.maxBytesPerPartition,
  ],
  [
    'a batch that is not too large, and all that waits, leave half of the heap to everything else',
    ({ slot: { consumer }, pool: { resourceLimits } }) => {
      const { maxOldGenerationSizeMb: heapMb = 0 } = resourceLimits
      return consumer.maxDecompressedBytes + bufferLimit(heapMb) <= (heapMb * 2 ** 20) / 2
    },
  ],
  [
    'a thread is not healthy before its first Fetch was answered',
    ({ slot: { consumer }, pool: { restart } }) => restart.healthyAfterMs > consumer.maxWaitTimeInMs,
  ],
  [
    'a slot whose threads die of the same thing, one after the other, is parked, or the message convicted, after a day of pauses at the latest',
    ({ slot, pool }) => waysToDie(slot).every((death) => pausesUntilOverMs(slot, pool, death) <= A_DAY_MS),
  ],
]

type WayToDie = Omit<Death, 'finishedSinceStart' | 'inCompany' | 'error'>

const FATAL = {
  inCompany: false,
  error: new PoolError('KCP_THREAD_EXITED', 'the test says so'),
  finishedSinceStart: 0,
} as const

/** Every thread of the slot gets ready at 0 and dies like that. */
const waysToDie = ({ maxProcessingMs, consumer }: SlotConfig): readonly WayToDie[] => {
  const inFlight = [{ topic: 'orders', partition: 0, offset: '7' }]
  const hungMs = maxProcessingMs + graceMs(maxProcessingMs)
  return [
    { atMs: 0, inFlightMs: 0, inFlight: [] },
    { atMs: consumer.maxWaitTimeInMs, inFlightMs: 0, inFlight: [] },
    { atMs: consumer.maxWaitTimeInMs + 5, inFlightMs: 5, inFlight },
    { atMs: consumer.maxWaitTimeInMs + hungMs, inFlightMs: hungMs, inFlight },
  ]
}

const pausesUntilOverMs = ({ convictAfter }: SlotConfig, { restart }: PoolSettings, death: WayToDie): number => {
  const book = new CrashBook(restart, new Suspects(), convictAfter)
  const most = Math.max(restart.maxRestarts, convictAfter)
  let sumMs = 0
  for (let crashes = 0; crashes <= Math.min(most, MANY) && sumMs <= A_DAY_MS; crashes++) {
    book.ready(0)
    const { crash, decision } = book.crashed({ ...FATAL, ...death })
    if (decision.action === 'park' || crash.trial === 'convicted') return sumMs
    sumMs += decision.delayMs
  }
  const left = restart.maxRestarts - MANY
  return left > 0 ? sumMs + left * restart.maxDelayMs : Number.POSITIVE_INFINITY
}

/** Lives through the crashes of `slots` slots that all begin at 0 and die at once, each time as `fruitful` says. */
const escalatesAt = (
  { restart }: PoolSettings,
  slots: number,
  fruitful: (crash: number) => boolean,
  untilMs: number,
): number | 'parked' | null => {
  const escalation = new Escalation(restart)
  const judge = (nowMs: number) =>
    escalation.judge({ slots: slots + 1, parked: 0, lostThreads: 0, outlooks: [], nowMs }) !== null
  const book = new CrashBook(restart, new Suspects(), 3)
  for (let crash = 0, nowMs = 0; nowMs < untilMs && crash < 2 * MANY; crash++) {
    const finishedSinceStart = fruitful(crash) ? 1 : 0
    const { crash: entered, decision } = book.crashed({
      ...FATAL,
      atMs: nowMs,
      inFlightMs: 0,
      finishedSinceStart,
      inFlight: [],
    })
    for (let slot = 0; slot < slots; slot++) escalation.note(entered)
    if (judge(nowMs)) return nowMs
    if (decision.action === 'park') return 'parked'
    nowMs += decision.delayMs
  }
  return null
}

const aPool: Promised<{ readonly config: ResolvedConfig; readonly namesPoolLimit: boolean }> = [
  [
    'a slot is parked before it makes the whole pool give up',
    ({ config: { pool } }) =>
      pool.restart.maxRestarts > MANY || escalatesAt(pool, 1, () => false, Infinity) === 'parked',
  ],
  [
    'a limit for the whole pool that somebody has named can be reached',
    ({ config: { pool, slots }, namesPoolLimit }) => {
      const { maxPoolRestarts, windowMs } = pool.restart
      if (!namesPoolLimit || maxPoolRestarts > 1_000) return true
      return escalatesAt(pool, slots.length, (crash) => crash % 2 === 1, windowMs) !== null
    },
  ],
  [
    'a pool whose slots are all parked escalates',
    ({ config: { pool, slots } }) => {
      const all = { slots: slots.length, parked: slots.length, lostThreads: 0, outlooks: [], nowMs: 0 }
      return new Escalation(pool.restart).judge(all) !== null
    },
  ],
  [
    'a parked slot is tried again within ten minutes, or probeMs, and not all the time',
    ({ config: { pool } }) => {
      const { probeMs, maxRestarts } = pool.restart
      if (maxRestarts > MANY) return true
      const book = new CrashBook(pool.restart, new Suspects(), 3)
      const crash = () => book.crashed({ ...FATAL, atMs: 0, inFlightMs: 0, inFlight: [] }).decision
      for (let crashes = 1; crashes < maxRestarts; crashes++) crash()
      const probes = Array.from({ length: 12 }, crash).map((decision) =>
        decision.action === 'park' ? decision.probeInMs : Number.NaN,
      )
      return probes.every((ms) => ms >= 1_000 && ms <= Math.max(600_000, probeMs))
    },
  ],
  [
    'a stop tells its handlers to give up before it ends them',
    ({ config: { pool } }) => pool.drainTimeoutMs === 0 || giveUpLeadMs(pool.drainTimeoutMs) < pool.drainTimeoutMs,
  ],
]

/**
 * What a pool with that configuration could not keep.
 *
 * @param namesPoolLimit whether a user has set `restart.maxPoolRestarts` or `restart.windowMs`
 */
export const brokenPromises = (config: ResolvedConfig, namesPoolLimit: boolean): string[] => [
  ...aPool.filter(([, holds]) => !holds({ config, namesPoolLimit })).map(([sentence]) => sentence),
  ...new Set(
    config.slots.flatMap((slot) =>
      aSlot.filter(([, holds]) => !holds({ slot, pool: config.pool })).map(([sentence]) => sentence),
    ),
  ),
]
