import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { InFlightMessage } from '#src/control/events.js'
import { CrashBook } from '#src/control/supervision/crash-book.js'
import { Recovery, type Recycling } from '#src/control/supervision/recovery.js'
import { RestartLimiter } from '#src/control/supervision/restart-limiter.js'
import { Suspects } from '#src/control/supervision/suspects.js'
import { ErrorCode, PoolError } from '#src/errors.js'
import { monotonicMs } from '#src/util/clock.js'
import { type Deferred, deferred } from '#src/util/deferred.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const error = new PoolError(ErrorCode.threadCrashed, 'the test says so')

/** A recovery whose slot notes what is done with it. `leaving` is what giving up the seat waits for, `heldBack` what recycling does. */
const recovering = ({ maxRestarts = 8, by = 'handover' as 'handover' | 'rejoin' } = {}) => {
  const done: string[] = []
  const note = (what: string) => () => {
    done.push(what)
  }
  const leaving: Deferred<void> = deferred()
  const heldBack: Deferred<Omit<Recycling, 'reason'> | null> = deferred()
  const faults: unknown[] = []
  const restart = { delayMs: 1_000, maxDelayMs: 60_000, healthyAfterMs: 120_000, maxPoolRestarts: 100 }
  const recovery = new Recovery({
    host: {
      parked: note('parked'),
      convicted: note('convicted'),
      onTrouble: note('trouble'),
      commit: async () => note('commit')(),
      isMember: () => true,
      giveUpSeat: () => {
        done.push('leave')
        return leaving.promise
      },
      sayGoodbye: async (retires) => note(retires ? 'goodbye for good' : 'goodbye')(),
      holdBack: () => {
        done.push('hold back')
        return heldBack.promise
      },
      letGoOn: note('go on'),
      replaceThread: (why) => {
        done.push(why === 'crash' ? 'replace' : 'replace to recycle')
        if (faults.length > 0) throw faults.shift()
      },
    },
    crashes: new CrashBook({ ...restart, maxRestarts, windowMs: 300_000, probeMs: 60_000 }, new Suspects(), 3),
    limiter: new RestartLimiter(),
    by,
    report: {
      crashed: note('report crash'),
      parked: note('report park'),
      recovered: (_afterMs, how) => note(`report recovery by ${how}`)(),
      recycled: ({ reason, incarnation }) => note(`report recycling of ${incarnation}: ${reason}`)(),
    },
    log: pino({ level: 'silent' }),
  })
  const die = (inFlight: readonly InFlightMessage[] = []) =>
    recovery.died({
      ...{ incarnation: 1, clientId: 'thread', error, atMs: monotonicMs() },
      ...{ inFlight, inFlightMs: 0, finishedSinceStart: 0, inCompany: false },
    })
  const after = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms)
    return done.splice(0)
  }
  return { recovery, die, after, leaving, heldBack, faults }
}

test('a crash is reported, what is finished is committed, the thread is replaced, and the recovery is told once', async () => {
  const { recovery, die, after } = recovering()
  die()
  expect(await after(0)).toEqual(['report crash', 'trouble', 'commit', 'replace'])
  recovery.settled()
  recovery.settled()
  expect(await after(0)).toEqual(['report recovery by handover'])
})

test('a message that is convicted stands still after the crash was told, and before the thread is replaced; its slot is not parked', async () => {
  const { die, after } = recovering({ maxRestarts: 2 })
  const inFlight = [{ topic: 't', partition: 0, offset: '7', attempt: 1, runningMs: 1 }]
  die(inFlight)
  expect(await after(0)).toEqual(['report crash', 'trouble', 'commit', 'replace'])
  die(inFlight)
  expect(await after(2_000)).toEqual(['report crash', 'trouble', 'commit', 'replace'])
  die(inFlight)
  expect(await after(0)).toEqual(['report crash', 'convicted', 'trouble', 'commit', 'replace'])
})

test('a slot that is parked is reported before the pool is told, and tried again after its pause', async () => {
  const { die, after, leaving } = recovering({ maxRestarts: 1 })
  leaving.resolve()
  die()
  expect(await after(59_000)).toEqual([
    ...['report crash', 'parked', 'report park', 'trouble'],
    ...['commit', 'leave', 'goodbye'],
  ])
  expect(await after(2_000)).toEqual(['replace'])
})

test('a plan that is replaced ends with the step that is under way, and the next one begins after that', async () => {
  const { recovery, die, after, leaving } = recovering({ by: 'rejoin' })
  die()
  expect((await after(0)).at(-1)).toBe('leave')
  recovery.park(error, null)
  expect(await after(1_000)).toEqual(['parked', 'report park', 'trouble'])
  leaving.resolve()
  expect(await after(3_600_000)).toEqual(['commit', 'leave', 'goodbye'])
})

test('what is under way when the slot stops is followed by nothing', async () => {
  const { recovery, die, after, leaving } = recovering({ by: 'rejoin' })
  die()
  await after(0)
  recovery.close()
  leaving.resolve()
  recovery.park(error, 1_000)
  expect(await after(3_600_000)).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

test('a fault of our own neither ends the recovery nor spins in it', async () => {
  const { die, after, faults } = recovering()
  faults.push(new Error('no memory for the ledger'), new Error('nor now'))
  die()
  expect((await after(0)).at(-1)).toBe('replace')
  expect(await after(900)).toEqual([])
  expect(await after(1_200)).toEqual(['commit', 'replace', 'commit', 'replace'])
  expect(await after(60_000)).toEqual([])
})

const retired = { incarnation: 3, clientId: 'thread', finished: 7, memory: null }

test('a thread that is recycled starts nothing, then says goodbye for good and is replaced, which is told when that has taken over', async () => {
  const { recovery, after, heldBack } = recovering()
  expect(recovery.recycle('memory')).toBe(true)
  expect(await after(10_000)).toEqual(['hold back'])
  expect(recovery.isRecycling).toBe(true)
  expect(recovery.recycle('asked')).toBe(false)
  heldBack.resolve(retired)
  expect(await after(0)).toEqual(['commit', 'goodbye for good', 'replace to recycle'])
  expect(recovery.isUnderWay).toBe(false)
  recovery.settled()
  recovery.settled()
  expect(await after(0)).toEqual(['report recycling of 3: memory'])
})

test('a thread that does not come to stand between two messages goes on', async () => {
  const { recovery, after, heldBack } = recovering()
  recovery.recycle('time')
  heldBack.resolve(null)
  expect(await after(60_000)).toEqual(['hold back', 'go on'])
  expect(recovery.isUnderWay).toBe(false)
})

test('a thread that dies while it is to be recycled has crashed, and nothing tells of a recycling', async () => {
  const { recovery, die, after, heldBack } = recovering()
  recovery.recycle('messages')
  die()
  heldBack.resolve(null)
  expect(await after(0)).toEqual(['hold back', 'report crash', 'trouble', 'commit', 'replace'])
  recovery.settled()
  expect(await after(0)).toEqual(['report recovery by handover'])
})

test('a replacement that dies before it has taken over has crashed, and nothing tells of a recycling', async () => {
  const { recovery, die, after, heldBack } = recovering()
  recovery.recycle('messages')
  heldBack.resolve(retired)
  await after(0)
  die()
  await after(0)
  recovery.settled()
  expect(await after(0)).toEqual(['report recovery by handover'])
})

test('a thread that is being recycled when the slot stops is not replaced', async () => {
  const { recovery, after, heldBack } = recovering()
  recovery.recycle('asked')
  recovery.close()
  heldBack.resolve(retired)
  expect(await after(60_000)).toEqual(['hold back'])
  expect(recovery.recycle('asked')).toBe(false)
})
