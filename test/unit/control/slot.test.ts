import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { RestartLimiter } from '#src/control/supervision/restart-limiter.js'
import type { ThreadReport } from '#src/control/threads/incarnation.js'
import { PoolError } from '#src/errors.js'
import type { JoinResult } from '#src/kafka/group.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { Control } from '#src/protocol/ledger.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { deferred } from '#src/util/deferred.js'
import { restartConfig } from '../../support/config/restart-config.js'
import { eager, slotConfig } from '../../support/config/slot-config.js'
import { kafkaError, unanswered } from '../../support/control/fake-client.js'
import { untilClosed } from '../../support/control/seat-bench.js'
import { assignment, joinedAs, slotBench } from '../../support/control/slot-bench.js'

const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const started = async ({ slot }: ReturnType<typeof slotBench>) => {
  await slot.boot()
  await slot.join()
}

const running = async (...args: Parameters<typeof slotBench>) => {
  const bench = slotBench(...args)
  const starting = started(bench)
  await settle()
  bench.threads.last.boot()
  await settle()
  await starting
  return bench
}

const stop = async ({ slot }: ReturnType<typeof slotBench>) => {
  await slot.stop(monotonicMs() + 1_000, true)
}

describe('a slot', () => {
  test('tells as a fault of what a thread says and nobody knows', async () => {
    const bench = await running()
    bench.threads.last.say({ type: 'news' } as never)
    expect(bench.errors).toMatchObject([{ type: 'news', slot: 0 }])
  })

  test('joins only when its thread is ready and it was told to', async () => {
    const bench = slotBench()
    const booting = bench.slot.boot()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(bench.seats[0]?.asked).toEqual([])
    bench.threads.last.boot()
    await booting
    await settle()
    expect(bench.seats[0]?.asked).toEqual([])
    await bench.slot.join()
    expect(bench.slot.state).toBe('running')
  })

  test('whose thread cannot load the handler fails to start without a word to the coordinator', async () => {
    const bench = slotBench()
    const starting = started(bench)
    await settle()
    bench.threads.last.crash(new PoolError('KCP_HANDLER_NOT_FOUND', 'no such file'))
    await expect(starting).rejects.toMatchObject({ code: 'KCP_HANDLER_NOT_FOUND' })
    await stop(bench)
    expect(bench.seats[0]?.asked).toEqual([])
  })

  test('hands a replacement what its predecessor had, without a word to the coordinator', async () => {
    const bench = await running()
    const [seat] = bench.seats
    seat?.asked.splice(0)
    bench.threads.last.crash()
    await settle()
    bench.threads.last.boot()
    await settle()
    expect(bench.threads.all).toHaveLength(2)
    expect(bench.threads.last.handed).toEqual([0, 1])
    expect(bench.slot.state).toBe('running')
    expect(seat?.asked).toEqual([])
  })

  test('tells a replacement at its birth what it holds, what the cluster looks like, and later what has changed', async () => {
    const bench = await running()
    const view = { brokers: [{ nodeId: 1, host: 'kafka', port: 9092 }], topics: [] }
    bench.poolClient.view = () => view
    bench.threads.last.crash()
    await settle()
    expect(bench.threads.last.view).toEqual(view)
    expect(bench.threads.last.handed).toEqual([0, 1])
    expect(bench.slot.state).toBe('restarting')
    bench.slot.seatHost.assigned(
      [
        { topic: 'orders', partition: 1 },
        { topic: 'orders', partition: 2 },
      ],
      true,
    )
    await settle()
    const [, removal, addition] = bench.threads.last.requests
    expect(removal).toMatchObject({ type: 'assign', added: [], removed: [0] })
    expect(addition).toMatchObject({ type: 'assign', added: [{ partition: 2 }], removed: [] })
    expect(bench.slot.state).toBe('restarting')
    bench.threads.last.boot()
    await settle()
    expect(bench.slot.state).toBe('running')
  })

  test('is not healthy while no heartbeat confirms its membership', async () => {
    const bench = await running()
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    expect(bench.slot.isHealthy).toBe(true)
    seat.onHeartbeat = [() => Promise.reject(unanswered())]
    await vi.advanceTimersByTimeAsync(60_000)
    expect(bench.slot.isHealthy).toBe(false)
  })

  test('is not healthy when its seat is not let in, however long the session goes on', async () => {
    const bench = await running()
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(58, 'SASL_AUTHENTICATION_FAILED'))]
    await vi.advanceTimersByTimeAsync(5_000)
    expect(bench.slot.seat.isConfirmed).toBe(true)
    expect(bench.slot.isHealthy).toBe(false)
    expect(bench.slot.status().lastError).toMatchObject({ code: 'KCP_BROKER_REFUSED' })
  })

  test('waits for the handlers of a replacement that is about to connect, and not for one that loads', async () => {
    const bench = await running()
    bench.threads.last.crash()
    await settle()
    const thread = bench.threads.last
    thread.silent = true
    let released = 0
    const release = async () => {
      await bench.slot.seatHost.release()
      released += 1
    }
    void release()
    await settle()
    expect(released).toBe(1)
    thread.say({ type: 'loaded' })
    void release()
    await settle()
    expect(thread.requests.at(-1)).toEqual({ type: 'quiesce' })
    expect(released).toBe(1)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(released).toBe(2)
  })
})

describe('a slot in a rebalance', () => {
  test('does not wait for a busy handler until the rebalance is over without it', async () => {
    const consumer = { heartbeatInterval: 500, rebalanceTimeout: 2_000 }
    const bench = await running({ config: slotConfig({ consumer }) })
    bench.threads.last.silent = true // a handler is in flight
    let released = false
    void bench.slot.seatHost.release().then(() => {
      released = true
    })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(released).toBe(true)
  })
})

describe('a parked slot', () => {
  const restart = {
    delayMs: 1_000,
    maxDelayMs: 60_000,
    healthyAfterMs: 120_000,
    maxRestarts: 1,
    maxPoolRestarts: 100,
    windowMs: 300_000,
    probeMs: 60_000,
  }

  test('comes back when the brokers could not be reached at the moment of its trial', async () => {
    const bench = await running({ settings: { restart } })
    bench.threads.last.crash()
    await settle()
    expect(bench.slot.state).toBe('parked')
    const away = bench.member()
    away.connect = () => Promise.reject(unanswered())
    const refused = () => Promise.reject(unanswered())
    away.onFindCoordinator = [refused, refused, refused, async () => 1]
    bench.upcoming.push(away)
    await vi.advanceTimersByTimeAsync(61_000)
    bench.threads.last.boot()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(bench.slot.seat.state).toBe('stable')
    expect(bench.slot.state).toBe('running')
  })

  test('is tried thread first: the group hears of it only when the thread is ready', async () => {
    const bench = await running({ settings: { restart } })
    bench.threads.last.crash()
    await settle()
    const before = bench.seats.flatMap(({ joins }) => joins).length
    const tried = async () => {
      const { length } = bench.threads.all
      while (bench.threads.all.length === length) await vi.advanceTimersByTimeAsync(1_000)
    }
    for (let probe = 0; probe < 3; probe++) {
      await tried()
      bench.threads.last.crash() // while it loads
      await settle()
    }
    expect(bench.heard('slot:parked')).toHaveLength(4)
    expect(bench.seats.flatMap(({ joins }) => joins)).toHaveLength(before)
    await tried()
    bench.threads.last.boot()
    await settle()
    expect(bench.slot.state).toBe('running')
    expect(bench.seats.flatMap(({ joins }) => joins)).toHaveLength(before + 1)
  })

  test('stays given up until it has an assignment and finishes something, or has nothing to do', async () => {
    const bench = await running({ settings: { restart } })
    bench.threads.last.crash()
    await settle()
    expect(bench.slot.isGivenUp).toBe(true)
    const slow = bench.member()
    const joined = deferred<void>()
    slow.onJoin = [() => joined.promise.then(joinedAs('slow', 2))]
    bench.upcoming.push(slow)
    await vi.advanceTimersByTimeAsync(61_000)
    bench.threads.last.boot()
    await settle()
    expect([bench.slot.state, bench.slot.isGivenUp]).toEqual(['restarting', true])
    joined.resolve()
    await settle()
    expect([bench.slot.state, bench.slot.isGivenUp]).toEqual(['running', true])
    const handedOut = bench.threads.last.requests.findLast((request) => request.type === 'assign')
    if (handedOut === undefined) throw new Error('nothing was handed out')
    const page = Page.from(handedOut.page)
    for (const index of [0, 1]) page.fetched(index, 0, 0)
    expect(bench.slot.isGivenUp).toBe(false)
    await stop(bench)
  })

  test('waits for its turn among the restarts of the pool before it is tried', async () => {
    const limiter = new RestartLimiter(1)
    const bench = await running({ settings: { restart }, limiter })
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(59_500)
    for (let others = 0; others < 5; others++) void limiter.admit()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(bench.threads.all).toHaveLength(1)
    expect(bench.slot.state).toBe('parked')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(bench.threads.all).toHaveLength(2)
  })

  test('is not tried any more when the pool has stopped its restarts', async () => {
    const limiter = new RestartLimiter()
    const bench = await running({ settings: { restart }, limiter })
    bench.threads.last.crash()
    await settle()
    limiter.cancel()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(bench.threads.all).toHaveLength(1)
  })

  test('is never tried again when it is fenced for good while it still commits for a trial', async () => {
    const bench = await running({ settings: { restart } })
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    Page.from(handed.page).finish(0, 7)
    bench.poolClient.commitOffsets = () => new Promise(() => {})
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(100)
    bench.slot.seatHost.fenced(4, null)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(bench.heard('slot:parked')).toMatchObject([{ retryInMs: 60_000 }, { retryInMs: null }])
    expect(bench.threads.all).toHaveLength(1)
    expect(bench.slot.state).toBe('parked')
    expect(bench.slot.seat.state).toBe('left')
  })

  test('says so before the pool looks whether it must escalate for it', async () => {
    const bench = await running({ settings: { restart } })
    bench.threads.last.crash()
    await settle()
    expect(bench.told().slice(-4)).toEqual(['slot:crashed', 'slot:parked', 'trouble', 'group:revoking'])
  })

  test('that a listener stops leaves no timer behind', async () => {
    const bench = await running({ settings: { restart } })
    let stopped: Promise<void> | undefined
    bench.on('slot:parked', () => {
      stopped = stop(bench)
    })
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(5_000)
    await stopped
    expect(bench.slot.state).toBe('stopped')
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([
    'handover',
    'rejoin',
  ] as const)('or crashed one that is stopped while the coordinator moves still has its last commit (%s)', async (recovery) => {
    const park = recovery === 'handover' ? restart : { ...restart, maxRestarts: 5 }
    const bench = await running({ settings: { restart: park, recovery } })
    await bench.slot.commit()
    const { commitOffsets } = bench.poolClient
    let asked = 0
    bench.poolClient.commitOffsets = async (...request) => {
      await new Promise((resolve) => setTimeout(resolve, 500))
      asked += 1
      if (asked > 3) return commitOffsets(...request)
      throw unanswered()
    }
    let stopped: Promise<boolean> | undefined
    bench.on(recovery === 'handover' ? 'slot:parked' : 'slot:crashed', () => {
      queueMicrotask(() => {
        stopped = bench.slot.stop(monotonicMs() + 10_000, recovery === 'rejoin')
      })
    })
    const handedOut = bench.threads.last.requests.find(
      (request) => request.type === 'assign' && request.added.length > 0,
    )
    if (handedOut?.type !== 'assign') throw new Error('nothing was handed out')
    Page.from(handedOut.page).finish(0, 42)
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(12_000)
    await stopped
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 42n }])
  })
})

describe('a slot whose thread dies', () => {
  test('forgets what that one has written down: the pool knows it', async () => {
    const over: number[] = []
    const bench = await running({ journals: { of: () => null, over: (incarnation) => over.push(incarnation) } })
    bench.threads.last.crash()
    await settle()
    expect(over).toEqual([1])
    await stop(bench)
  })

  test('blames no message beside which one was handled of a partition that had gone', async () => {
    const bench = await running({ config: slotConfig({ concurrency: 2 }) })
    const [handout] = bench.threads.last.requests.flatMap((request) => (request.type === 'assign' ? request.added : []))
    const { ledger } = bench.threads.last
    ledger.begin(0, handout?.id ?? -1, 0, 1, monotonicMs())
    expect(ledger.rows).toBeGreaterThan(1)
    ledger.begin(1, 99, 0, 1, monotonicMs())
    bench.threads.last.crash()
    await settle()
    await bench.slot.commit()
    expect(
      bench.commits
        .flat()
        .map(({ metadata = '' }) => metadata)
        .join(),
    ).toContain('"deaths":0')
    await stop(bench)
  })
})

describe('a slot whose threads hang, one after the other', () => {
  /** Lets the present thread hang, and waits for the next one. Resolves with whether all looked well before the end. */
  const hang = async (bench: ReturnType<typeof slotBench>, inMessageOf: number | null) => {
    const { last, all } = bench.threads
    const begun = all.length
    if (inMessageOf !== null) last.ledger.begin(0, inMessageOf, 0, 1, monotonicMs())
    await vi.advanceTimersByTimeAsync(65_000)
    const wasHealthy = bench.slot.isHealthy
    last.end(new PoolError('KCP_HANDLER_HUNG', 'the test says so'))
    while (all.length === begun) await vi.advanceTimersByTimeAsync(500)
    bench.threads.last.boot()
    await settle()
    return wasHealthy
  }

  test('in the same message is not healthy while the next one hangs, and after three no thread gets its partition', async () => {
    const bench = await running()
    const healthy: boolean[] = []
    for (let thread = 1; thread <= 3; thread++) {
      expect(bench.heard('partition:paused')).toEqual([])
      healthy.push(await hang(bench, 0))
    }
    expect(healthy).toEqual([true, false, false])
    expect(bench.heard('slot:parked')).toEqual([])
    expect(bench.told().slice(bench.told().lastIndexOf('slot:crashed'))).toEqual([
      ...['slot:crashed', 'partition:paused', 'trouble', 'offsets:committed', 'slot:ready', 'slot:recovered'],
    ])
    const [paused] = bench.heard('partition:paused')
    expect(paused).toMatchObject({
      ...{ topic: 'orders', partition: 0, reason: 'poisoned', offset: '0', attempts: 3, retryInMs: null },
      error: { code: 'KCP_MESSAGE_POISONED', offset: '0', attempts: 3, cause: { code: 'KCP_HANDLER_HUNG' } },
    })
    expect(bench.threads.last.handed).toEqual([1])
    await vi.advanceTimersByTimeAsync(3_600_000)
    bench.slot.watch(monotonicMs())
    expect(bench.threads.last.handed).toEqual([1])
    expect([bench.slot.isHealthy, bench.slot.isGivenUp, bench.slot.outlook]).toEqual([false, false, 'moving'])

    bench.slot.resume({ topic: 'orders', partition: 0 })
    bench.slot.watch(monotonicMs())
    expect(bench.threads.last.requests.at(-1)).toMatchObject({
      added: [{ id: 2, partition: 0, offset: '0', suspect: { offset: '0' } }],
    })
    expect(await hang(bench, 2)).toBe(false)
    expect(bench.heard('partition:paused')).toMatchObject([{ retries: 0 }, { retries: 1, attempts: 4 }])
    expect(bench.threads.last.handed).toEqual([1])
  })

  test('before they handle anything is parked after eight, and stays given up while it is tried again', async () => {
    const bench = await running()
    const healthy: boolean[] = []
    for (let thread = 1; thread <= 8; thread++) {
      expect(bench.heard('slot:parked')).toHaveLength(0)
      expect(bench.slot.isGivenUp).toBe(false)
      healthy.push(await hang(bench, null))
    }
    expect(healthy).toEqual([true, ...Array.from({ length: 7 }, () => false)])
    expect(bench.heard('slot:parked')).toHaveLength(1)
    expect(bench.slot.state).toBe('running')
    expect(bench.slot.isGivenUp).toBe(true)
    expect(bench.slot.isHealthy).toBe(false)
    bench.threads.last.ledger.countFinished()
    expect(bench.slot.isGivenUp).toBe(false)
    expect(bench.slot.isHealthy).toBe(true)
  })
})

describe('a slot that a listener stops when it crashes', () => {
  test.each([
    ['handover', 8],
    ['rejoin', 8],
    ['handover', 1],
  ] as const)('stays stopped and leaves no timer behind (recovery %s, %i restarts allowed)', async (recovery, maxRestarts) => {
    const restart = {
      delayMs: 30_000,
      maxDelayMs: 60_000,
      healthyAfterMs: 120_000,
      maxRestarts,
      maxPoolRestarts: 100,
      windowMs: 300_000,
      probeMs: 60_000,
    }
    const bench = await running({ settings: { recovery, restart } })
    if (maxRestarts > 1) {
      bench.threads.last.crash() // the first fruitless one is followed by no pause
      await vi.advanceTimersByTimeAsync(100)
      bench.threads.last.boot()
      await vi.advanceTimersByTimeAsync(100)
    }
    const states: string[] = []
    let stopped: Promise<void> | undefined
    bench.on('slot:crashed', () => {
      stopped = stop(bench)
    })
    bench.threads.last.crash()
    states.push(bench.slot.state)
    await settle()
    states.push(bench.slot.state)
    await vi.advanceTimersByTimeAsync(5_000)
    await stopped
    expect(states).not.toContain('parked')
    expect(bench.heard('slot:parked')).toEqual([])
    expect(bench.slot.state).toBe('stopped')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a slot whose setup hangs every time', () => {
  test('is parked, although each hang outlasts the time after which a healthy slot is forgiven', async () => {
    const bench = await running()
    for (let hang = 1; hang <= 9; hang++) {
      bench.threads.last.ledger.beginHook('setup', monotonicMs())
      await vi.advanceTimersByTimeAsync(300_000)
      expect(bench.slot.state).toBe('running')
      bench.slot.endThread(new PoolError('KCP_HANDLER_HUNG', 'it hangs'))
      await settle()
      if (bench.slot.state === 'parked') break
      while (bench.threads.all.length === hang) await vi.advanceTimersByTimeAsync(1_000)
      bench.threads.last.boot()
      await settle()
    }
    expect(bench.heard('slot:crashed')).toHaveLength(8)
    expect(bench.heard('slot:parked')).toMatchObject([{ error: { code: 'KCP_HANDLER_HUNG' }, retryInMs: 60_000 }])
    await stop(bench)
  })
})

describe('a slot that missed generations', () => {
  /** In generation 2 somebody else had the partitions and brought them to 500; the slot is in generation 3 now. */
  const late = async (look: () => Promise<void> = async () => {}) => {
    const bench = await running()
    const [seat] = bench.seats
    const handed = bench.threads.last.requests.at(-1)
    if (seat === undefined || handed?.type !== 'assign') throw new Error('nothing was handed')
    await bench.slot.commit()
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27)), async () => {}]
    seat.onJoin = [
      async () => {
        bench.committed.set(0, 500n).set(1, 500n)
        bench.commits.splice(0)
        Page.from(handed.page).finish(0, 7) // a handler that was in flight over the rebalance comes back
        return joinedAs('member-0', 3)()
      },
    ]
    const answer = bench.poolClient.committedOffsets
    bench.poolClient.committedOffsets = async (...request) => {
      await look()
      return answer(...request)
    }
    await vi.advanceTimersByTimeAsync(3_100)
    expect(bench.slot.seat.membership.generation).toBe(3)
    return bench
  }

  test('commits nothing of what it kept, so that no offset goes backwards', async () => {
    const bench = await late(() => Promise.reject(kafkaError(14)))
    await bench.slot.commit()
    expect(bench.commits).toEqual([])
  })

  test('begins again where the group is now', async () => {
    const bench = await late()
    const positions = bench.slot.status().assignment.map(({ finishedUpTo }) => finishedUpTo)
    expect(positions).toEqual(['500', '500'])
    expect(bench.threads.last.requests.slice(-2)).toMatchObject([
      { type: 'assign', added: [], removed: [0, 1] },
      { type: 'assign', added: [{ offset: '500' }, { offset: '500' }], removed: [] },
    ])
  })
})

describe("a slot with recovery 'rejoin'", () => {
  test('starts although its first thread dies before it is ready', async () => {
    const bench = slotBench({ settings: { recovery: 'rejoin' } })
    const starting = started(bench)
    await settle()
    bench.threads.last.say({ type: 'loaded' })
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(1_000)
    bench.threads.last.boot()
    await vi.advanceTimersByTimeAsync(1_000)
    await starting
    expect(bench.slot.state).toBe('running')
  })

  test('does not come back to the group after a stop, whatever its old seat still waited for', async () => {
    const metadata = deferred<readonly TopicMetadata[]>()
    const bench = await running({
      ...{ config: slotConfig(eager), settings: { recovery: 'rejoin' } },
      topics: () => metadata.promise,
    })
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    // It is made the leader, and waits for metadata.
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27)), async () => {}]
    const members = [{ memberId: 'member-0', instanceId: null, metadata: encodeSubscription({ topics: ['orders'] }) }]
    seat.onJoin = [async () => ({ ...(await joinedAs('member-0', 2)()), leaderId: 'member-0', members })]
    await vi.advanceTimersByTimeAsync(3_100)
    expect(seat.asked.at(-1)).toBe('JoinGroup')
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(1_000) // longer than leaving may take
    const stopped = stop(bench)
    await vi.advanceTimersByTimeAsync(5_000)
    metadata.resolve([])
    await vi.advanceTimersByTimeAsync(60_000)
    await stopped
    expect(bench.slot.seat.state).toBe('left')
    expect(bench.seats.flatMap(({ joins }) => joins.map(({ memberId }) => memberId))).toEqual(['', 'member-0'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('comes back when its thread dies again while the seat connects', async () => {
    const bench = await running({ settings: { recovery: 'rejoin' } })
    const slow = bench.member()
    const connected = deferred<void>()
    slow.connect = () => Promise.race([connected.promise, untilClosed<void>(slow)])
    slow.onFindCoordinator = [() => connected.promise.then(() => 1)]
    bench.upcoming.push(slow)
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(100)
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(5_000)
    connected.resolve()
    bench.threads.last.boot()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(bench.slot.seat.state).toBe('stable')
    expect(bench.slot.state).toBe('running')
  })
})

describe.each([
  ['that is parked', { restart: restartConfig({ maxRestarts: 1 }) }],
  ["with recovery 'rejoin'", { recovery: 'rejoin' as const }],
])('a slot %s', (_, settings) => {
  test('gives its seat up when listeners of group:revoking are done, and what they have flushed is committed', async () => {
    const bench = await running({ settings })
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    const flushed = deferred<void>()
    bench.on('group:revoking', () => flushed.promise)
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(500)
    const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
    expect(bench.heard('group:revoking')).toMatchObject([{ memberId: 'member-0', generation: 1, partitions }])
    expect(bench.seats[0]?.asked).not.toContain('LeaveGroup')
    Page.from(handed.page).finish(0, 7)
    flushed.resolve()
    await settle()
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 7n }])
    expect(bench.seats[0]?.asked.at(-1)).toBe('LeaveGroup')
    expect(bench.told()).not.toContain('group:lost')
  })

  test('leaves although a listener of group:revoking does not come back', async () => {
    const bench = await running({ settings })
    bench.on('group:revoking', () => new Promise(() => {}))
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(3_100)
    expect(bench.seats[0]?.asked.at(-1)).toBe('LeaveGroup')
    expect(bench.warnings.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('group:revoking'))
  })

  test('says that its partitions are lost if nothing confirms that they are its own still', async () => {
    const bench = await running({ settings })
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => new Promise(() => {})]
    await vi.advanceTimersByTimeAsync(50_000) // the session has 45 s
    bench.threads.last.crash()
    await vi.advanceTimersByTimeAsync(5_000)
    const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
    expect(bench.heard('group:lost')).toMatchObject([{ memberId: 'member-0', generation: 1, partitions }])
    expect(bench.told()).not.toContain('group:revoking')
  })
})

describe('the watch over a slot', () => {
  const watching = async () => {
    const bench = await running()
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    const page = Page.from(handed.page)
    page.fetched(0, 0, 100) // 100 messages wait
    page.fetched(1, 0, 0)
    const watch = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await vi.advanceTimersByTimeAsync(1_000)
        bench.slot.watch(monotonicMs())
      }
    }
    const limitS = (2 * bench.slot.config.consumer.sessionTimeout) / 1_000
    return { ...bench, page, watch, limitS }
  }

  test('says that messages wait and nothing moves, once, and leaves the thread with its retries alone', async () => {
    const { slot, threads, heard, page, watch, limitS } = await watching()
    await watch(limitS)
    expect([slot.isHealthy, slot.status().stalled]).toEqual([true, false])
    await watch(600)
    expect([slot.isHealthy, slot.status().stalled]).toEqual([false, true])
    expect(heard('slot:stalled')).toMatchObject([
      { slot: 0, incarnation: 1, partitions: [{ topic: 'orders', partition: 0, offset: '0' }] },
    ])
    expect(threads.all).toHaveLength(1)
    page.finish(0, 1)
    await watch(1)
    expect([slot.isHealthy, slot.status().stalled]).toEqual([true, false])
  })

  test('says nothing while a rebalance holds the messages up', async () => {
    const { seats, heard, watch, limitS } = await watching()
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27))]
    seat.onJoin = [() => new Promise(() => {})] // for another member, up to rebalanceTimeout
    await watch(limitS * 2)
    expect(heard('slot:stalled')).toEqual([])
  })

  test('is not healthy in a rebalance from when it was told what the group waits for until that is over', async () => {
    const { slot, seats, watch } = await watching()
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    const joined = deferred<JoinResult>()
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27)), async () => {}]
    seat.onJoin = [() => joined.promise]
    await watch(7)
    expect([slot.isHealthy, slot.status().waitingFor]).toEqual([true, null])
    await watch(3)
    expect([slot.isHealthy, slot.status().waitingFor]).toEqual([false, expect.stringMatching(/^group .* rebalances/)])
    joined.resolve(await joinedAs('member-0', 2)())
    await watch(1)
    expect([slot.isHealthy, slot.status().waitingFor]).toEqual([true, null])
  })

  test('says nothing while a handler is in flight', async () => {
    const { threads, heard, watch, limitS } = await watching()
    threads.last.ledger.begin(0, 0, 0, 1, monotonicMs())
    await watch(limitS * 2)
    expect(heard('slot:stalled')).toEqual([])
  })

  test('says nothing while the handler module is being set up or torn down, which has a limit of its own', async () => {
    const { threads, heard, watch, limitS } = await watching()
    threads.last.ledger.beginHook('setup', monotonicMs())
    await watch(limitS * 2)
    expect(heard('slot:stalled')).toEqual([])
    threads.last.ledger.endHook()
    await watch(limitS * 2)
    expect(heard('slot:stalled')).toHaveLength(1)
  })
})

describe('a slot that stops with a handler in flight, in a rebalance', () => {
  /** In flight is 0@0; the next generation gives the slot these partitions. */
  const busy = async (...kept: number[]) => {
    const bench = await running({ config: slotConfig(eager) })
    const [seat] = bench.seats
    const handed = bench.threads.last.requests.at(-1)
    if (seat === undefined || handed?.type !== 'assign') throw new Error('nothing was handed')
    const thread = bench.threads.last
    thread.ledger.begin(0, 0, 0, 1, monotonicMs())
    thread.silent = true
    let drained: boolean | undefined
    void bench.slot.stop(monotonicMs() + 30_000, true).then((inTime) => {
      drained = inTime
    })
    await vi.advanceTimersByTimeAsync(10_000)
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27)), async () => {}]
    seat.onJoin = [joinedAs('member-0', 2)]
    seat.onSync = [assignment(...kept)]
    await vi.advanceTimersByTimeAsync(3_001)
    return { bench, seat, thread, page: Page.from(handed.page), isOver: () => drained }
  }

  test('does not keep the group waiting', async () => {
    const { bench, seat } = await busy(0)
    expect(seat.joins.map(({ memberId }) => memberId)).toEqual(['', 'member-0'])
    expect(bench.slot.seat.membership.generation).toBe(2)
  })

  test('takes up nothing, and commits what was in flight on a partition that it has kept', async () => {
    const { bench, thread, page, isOver } = await busy(0, 2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(bench.poolClient.leaves).toEqual([])
    page.finish(0, 1)
    thread.ledger.end(0)
    thread.answer()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(bench.commits).toMatchObject([[{ partition: 0, offset: 1n }]])
    expect(thread.handed).toEqual([0, 1])
    expect(bench.poolClient.leaves).toHaveLength(1)
    expect(isOver()).toBe(true)
  })

  test('leaves at once when its partition has moved away, and lets the handler come back', async () => {
    const { bench, thread, isOver } = await busy(1)
    expect(bench.poolClient.leaves).toHaveLength(1)
    expect(bench.slot.state).toBe('stopping')
    thread.answer()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(bench.slot.state).toBe('stopped')
    expect(isOver()).toBe(true)
  })
})

describe('a slot that drains', () => {
  test('uses the time that it has for the last commit, until the coordinator is back', async () => {
    const bench = await running()
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    Page.from(handed.page).finish(0, 7)
    const store = bench.poolClient.commitOffsets
    bench.poolClient.commitOffsets = () => Promise.reject(unanswered())
    const drained = bench.slot.stop(monotonicMs() + 10_000, true)
    await vi.advanceTimersByTimeAsync(5_000)
    bench.poolClient.commitOffsets = store
    await vi.advanceTimersByTimeAsync(1_500)
    expect(bench.commits).toMatchObject([[{ partition: 0, offset: 7n }]])
    expect(await drained).toBe(true)
  })

  test('has its last commit over the client of its seat when that of the pool is silent where it looks for the coordinator', async () => {
    const bench = await running()
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    bench.poolClient.commitOffsets = () => Promise.reject(kafkaError(16))
    await bench.slot.commit()
    bench.poolClient.onFindCoordinator = [() => new Promise(() => {})]
    Page.from(handed.page).finish(0, 7)
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('there is no seat')
    const stored: unknown[] = []
    seat.commitOffsets = async (_node, { generation }, offsets) => {
      stored.push([generation, ...offsets])
      return []
    }
    const drained = bench.slot.stop(monotonicMs() + 10_000, true)
    await vi.advanceTimersByTimeAsync(2_500)
    expect(await drained).toBe(true)
    expect(stored).toMatchObject([[1, { partition: 0, offset: 7n }]])
    expect(seat.leaves).toHaveLength(1)
  })

  test('tells its handlers to give up shortly before the time is over, and says that it has not drained when one does', async () => {
    const bench = await running()
    const { last } = bench.threads
    last.ledger.begin(0, 0, 0, 1, monotonicMs())
    last.silent = true
    const drained = bench.slot.stop(monotonicMs() + 10_000, true)
    await vi.advanceTimersByTimeAsync(8_900)
    expect(last.ledger.control & Control.giveUp).toBe(0)
    await vi.advanceTimersByTimeAsync(200)
    expect(last.ledger.control & Control.giveUp).not.toBe(0)
    last.ledger.countGivenUp()
    last.ledger.end(0)
    last.answer()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await drained).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each([
    ['what is left of its time', 10_000, 9_000],
    ['a second', 500, 1_000],
  ])('leaves the teardown of a handler that has come back %s', async (_, drainMs, patienceMs) => {
    const bench = await running()
    const { last } = bench.threads
    last.silent = true
    void bench.slot.stop(monotonicMs() + drainMs, true)
    await vi.advanceTimersByTimeAsync(drainMs === 500 ? 100 : 1_000)
    last.answer()
    await vi.advanceTimersByTimeAsync(1_000)
    // And what the thread needs to say itself that it has given it up.
    expect(last.patienceMs).toBeCloseTo(patienceMs + 350, -1)
  })

  test('ends a thread soon whose handler has not come back, or is not set up yet', async () => {
    const bench = await running()
    bench.threads.last.ledger.begin(0, 0, 0, 1, monotonicMs())
    bench.threads.last.silent = true
    void bench.slot.stop(monotonicMs() + 1_000, true)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(bench.threads.last.patienceMs).toBe(350)
    const other = slotBench()
    other.slot.boot().catch(() => {})
    void other.slot.stop(monotonicMs() + 10_000, true)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(other.threads.last.patienceMs).toBe(350)
  })

  test('is over 2.4 s after its time when the last commit is silent and teardown hangs: the pool then needs 0.3 s more of its 3 s', async () => {
    const bench = await running({ config: slotConfig(eager) })
    const handed = bench.threads.last.requests.at(-1)
    if (handed?.type !== 'assign') throw new Error('nothing was handed')
    const [seat] = bench.seats
    const { last } = bench.threads
    for (const client of [bench.poolClient, seat])
      if (client !== undefined) client.commitOffsets = () => new Promise(() => {})
    last.stop = () => new Promise(() => {})
    last.silent = true
    Page.from(handed.page).finish(0, 7)
    const atMs = monotonicMs()
    let isOver = false
    const stopped = bench.slot.stop(atMs + 5_000, true).then(() => (isOver = true))
    await vi.advanceTimersByTimeAsync(4_995)
    last.answer()
    await vi.advanceTimersByTimeAsync(2_350)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(55)
    expect(isOver).toBe(true)
    await stopped
    expect(vi.getTimerCount()).toBe(0)
  })

  test('does not say that it has drained when its thread died with a message in flight', async () => {
    const bench = await running()
    const { last } = bench.threads
    last.ledger.begin(0, 0, 0, 1, monotonicMs())
    last.silent = true
    const drained = bench.slot.stop(monotonicMs() + 10_000, true)
    last.crash()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await drained).toBe(false)
  })
})

describe('a slot that is recycled', () => {
  test('starts nothing, waits for what is in flight, commits it, and goes on with a fresh thread behind it, which the group does not notice', async () => {
    const bench = await running()
    const [seat] = bench.seats
    seat?.asked.splice(0)
    const old = bench.threads.last
    const assign = old.requests.find((request) => request.type === 'assign' && request.added.length > 0)
    if (assign?.type !== 'assign') throw new Error('nothing was assigned')
    const [first] = assign.added
    old.ledger.begin(0, first?.id ?? -1, 0, 1, monotonicMs())
    old.silent = true
    expect(bench.slot.recycle('asked')).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(old.ledger.control).toBe(Control.recycle)
    expect(bench.threads.all).toHaveLength(1)
    expect(bench.slot.recycle('asked')).toBe(false)
    Page.from(assign.page).finish(first?.index ?? -1, 1)
    old.ledger.countFinished()
    old.ledger.end(0)
    old.answer()
    await settle()
    expect(old.isRetired).toBe(true)
    expect(bench.commits.flat()).toMatchObject([{ partition: first?.partition, offset: 1n }])
    bench.threads.last.boot()
    await settle()
    expect(bench.threads.last.requests).toMatchObject([
      { type: 'assign', added: [{ offset: '1' }, { offset: '0' }], removed: [] },
    ])
    expect(bench.threads.last.ledger.control).toBe(0)
    expect(bench.slot.state).toBe('running')
    expect(bench.slot.status()).toMatchObject({
      restarts: 0,
      recycles: 1,
      incarnation: 2,
      finished: 1,
      lastError: null,
    })
    expect(bench.heard('slot:recycled')).toMatchObject([
      { incarnation: 1, clientId: 'thread-0', reason: 'asked', finished: 1 },
    ])
    expect(bench.told()).not.toContain('slot:crashed')
    expect(seat?.asked.filter((request) => request !== 'Heartbeat')).toEqual([])
    await stop(bench)
  })

  test('frees memory until its old thread is gone, but no longer than that may take to die', async () => {
    const terminateTimeoutMs = 5_000
    const bench = await running({ settings: { terminateTimeoutMs } })
    for (const untilMs of [300, terminateTimeoutMs]) {
      const gone = deferred<void>()
      bench.threads.last.lingers = gone.promise
      bench.slot.recycle('rss')
      await settle()
      bench.threads.last.boot()
      await vi.advanceTimersByTimeAsync(untilMs - 1)
      expect([bench.slot.isRecycling, bench.slot.isFreeing]).toEqual([false, true])
      if (untilMs < terminateTimeoutMs) gone.resolve()
      await vi.advanceTimersByTimeAsync(1)
      expect(bench.slot.isFreeing).toBe(false)
    }
    await stop(bench)
  })

  test('goes on counting the attempts at a message that fails', async () => {
    const bench = await running()
    const failed = { offset: '0', attempt: 4, error: { name: 'Error', message: 'no' }, retryInMs: 9, outcome: 'retry' }
    bench.threads.last.say({ type: 'failed', partitionId: 1, ...failed } as ThreadReport)
    bench.threads.last.say({ type: 'failed', partitionId: 0, ...failed } as ThreadReport)
    const reset = { from: '9', to: '0', reason: 'truncated' } as const
    bench.threads.last.say({ type: 'offset-reset', partitionId: 0, ...reset })
    bench.slot.recycle('asked')
    await settle()
    const [assign] = bench.threads.last.requests
    const added = assign?.type === 'assign' ? assign.added : []
    expect(added.map(({ failed: handed }) => handed)).toEqual([undefined, { offset: '0', attempts: 4 }])
    await stop(bench)
  })

  test('goes on with the thread that it has when that never stands between two messages', async () => {
    const bench = await running()
    const thread = bench.threads.last
    thread.silent = true
    thread.ledger.begin(0, 0, 0, 1, monotonicMs())
    bench.slot.recycle('time')
    await vi.advanceTimersByTimeAsync(400_000)
    expect(thread.ledger.control).toBe(0)
    expect(thread.sent).toContainEqual({ type: 'go-on' })
    expect(bench.slot.mayRecycle).toBe(true)
    thread.ledger.end(0)
    thread.answer()
    await stop(bench)
  })

  test('that stops meanwhile ends its thread and begins none', async () => {
    const bench = await running()
    bench.threads.last.silent = true
    bench.slot.recycle('asked')
    await settle()
    const stopping = stop(bench)
    await vi.advanceTimersByTimeAsync(10_000)
    await stopping
    expect(bench.threads.all).toHaveLength(1)
    expect(bench.slot.state).toBe('stopped')
  })

  test('is none while no thread works in it', async () => {
    const bench = await running()
    bench.threads.last.crash()
    await settle()
    expect(bench.slot.recycle('asked')).toBe(false)
    await stop(bench)
  })

  test('is what its thread wants when its heap is full', async () => {
    const bench = await running()
    bench.threads.last.say({ type: 'heap-full' })
    expect(bench.told()).toContain('heap full')
    await stop(bench)
  })
})
