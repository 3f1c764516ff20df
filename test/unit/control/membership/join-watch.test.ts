import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { JoinWatch, whatIsWaitedFor } from '#src/control/membership/join-watch.js'
import type { GroupDescription } from '#src/kafka/group.js'
import { deferred } from '#src/util/deferred.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { collectLines } from '../../../support/log-lines.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const EMPTY = Buffer.alloc(0)
const consumer = { ...slotConfig().consumer, groupId: 'orders', sessionTimeout: 45_000, rebalanceTimeout: 60_000 }
const isOwn = (memberId: string) => memberId.startsWith('own')

const group = (state: string, ...memberIds: readonly string[]): GroupDescription => ({
  state,
  members: memberIds.map((memberId) => ({
    memberId,
    instanceId: null,
    clientId: 'pool-00',
    host: '/10.0.0.7',
    metadata: EMPTY,
    assignment: EMPTY,
  })),
})

describe('what a seat waits for is', () => {
  test.each<[string, GroupDescription | null, RegExp]>([
    [
      'the members of other processes, by name and place, and how long at most',
      group('PreparingRebalance', 'own-1', 'dead-1'),
      /^group "orders" .*: dead-1 \(client id pool-00, at 10\.0\.0\.7\)\. .*session is over \(here after 45 s\).*60 s/,
    ],
    [
      'some of many',
      group('PreparingRebalance', ...'abcdefgh'),
      /e \(client id pool-00, at 10\.0\.0\.7\) and 3 more\./,
    ],
    ['nobody, when only our own are there', group('PreparingRebalance', 'own-1'), /no member of another process/],
    ['the leader, when all have joined', group('CompletingRebalance', 'own-1', 'dead-1'), /waits for its leader/],
    ['not known, when the coordinator says nothing', null, /has not answered/],
  ])('%s', (_, description, text) => {
    const said = whatIsWaitedFor(description, isOwn, consumer)
    expect(said).toMatch(text)
    expect(said).not.toContain('own-1')
  })
})

describe('seats that wait long for their group', () => {
  const waiting = (describes: () => Promise<GroupDescription> = async () => group('PreparingRebalance', 'dead')) => {
    const { logger, lines } = collectLines()
    const watch = new JoinWatch(isOwn)
    const requests = [deferred<number>(), deferred<number>()]
    const answers = requests.map(({ promise }) => watch.during(promise, { consumer, describe: describes, log: logger }))
    return { lines, requests, answers }
  }

  test('say so once for all of them, once a minute, and when it is over', async () => {
    const { lines, requests, answers } = waiting()
    await vi.advanceTimersByTimeAsync(4_900)
    expect(lines).toEqual([])
    await vi.advanceTimersByTimeAsync(60_200)
    expect(lines).toMatchObject([
      { level: 40, groupId: 'orders', state: 'PreparingRebalance', msg: expect.stringContaining('dead') },
      { level: 40 },
    ])
    for (const { resolve } of requests) resolve(1)
    expect(await Promise.all(answers)).toEqual([1, 1])
    expect(lines.slice(2)).toMatchObject([{ level: 30, msg: 'the group goes on' }])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('say nothing when it is soon over', async () => {
    const { lines, requests, answers } = waiting()
    await vi.advanceTimersByTimeAsync(3_000)
    requests[0]?.resolve(1)
    requests[1]?.reject(new Error('no'))
    await Promise.allSettled(answers)
    await vi.advanceTimersByTimeAsync(100_000)
    expect(lines).toEqual([])
  })

  test('say nothing of what was over before the coordinator had described it', async () => {
    const description = deferred<GroupDescription>()
    const { lines, requests, answers } = waiting(() => description.promise)
    await vi.advanceTimersByTimeAsync(5_000)
    for (const { resolve } of requests) resolve(1)
    await Promise.all(answers)
    description.resolve(group('Stable'))
    await vi.advanceTimersByTimeAsync(0)
    expect(lines).toEqual([])
  })
})
