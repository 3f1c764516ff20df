import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PartitionLeaderNews } from '#src/control/partition-leader-news.js'
import type { ClusterView } from '#src/kafka/metadata.js'
import { isLaterLeader } from '#src/kafka/partition-leaders.js'
import { FakeClient, unanswered } from '../../support/control/fake-client.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const world = () => {
  const client = new FakeClient()
  const told: ClusterView[] = []
  const asked: string[][] = []
  const state = { leader: 1, leaderEpoch: 5, down: false, frozen: false }
  const topics = (names: readonly string[]) =>
    names.map((topic) => {
      const { leader, leaderEpoch } = state
      return { topic, error: null, partitions: [0, 1].map((partition) => ({ partition, leader, leaderEpoch })) }
    })
  client.topics = async (names) => {
    asked.push([...names])
    if (state.down) throw unanswered()
    if (state.frozen) await new Promise(() => {})
    return topics(names)
  }
  client.view = (names) => ({ brokers: [], topics: topics(names) })
  const news = new PartitionLeaderNews({ client, tell: (view) => void told.push(view), log: pino({ level: 'silent' }) })
  const lost = (partition = 0, leaderEpoch = 5) => news.lost([{ topic: 't', partition, leader: 1, leaderEpoch }])
  return { news, told, asked, state, lost }
}

describe('a leader that a thread has lost', () => {
  test('is looked for once for all threads, until there is a later one, which they are told', async () => {
    const { lost, told, asked, state, news } = world()
    lost()
    lost()
    lost(1)
    await vi.advanceTimersByTimeAsync(0)
    expect([asked, told]).toEqual([[['t']], []])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.length).toBeLessThan(8)
    Object.assign(state, { leader: 2, leaderEpoch: 6 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told).toMatchObject([{ topics: [{ topic: 't', partitions: [{ leader: 2, leaderEpoch: 6 }, {}] }] }])
    const looks = asked.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked.length).toBe(looks)
    news.close()
  })

  test('is looked for while the brokers do not answer', async () => {
    const { lost, told, state } = world()
    Object.assign(state, { leader: 2, leaderEpoch: 6, down: true })
    lost()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(told).toEqual([])
    state.down = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told.length).toBe(1)
  })

  test('is looked for again while a broker that was asked does not answer', async () => {
    const { lost, told, state } = world()
    state.frozen = true
    lost()
    await vi.advanceTimersByTimeAsync(1_000)
    Object.assign(state, { frozen: false, leader: 2, leaderEpoch: 6 })
    await vi.advanceTimersByTimeAsync(4_000)
    expect(told.length).toBe(1)
  })

  test('is given up after half a minute without a later one: it still leads', async () => {
    const { lost, asked, told } = world()
    lost()
    await vi.advanceTimersByTimeAsync(32_000)
    const looks = asked.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect([asked.length, told]).toEqual([looks, []])
  })

  test('is not looked for any more when the pool stops', async () => {
    const { lost, asked, news } = world()
    lost()
    news.close()
    lost(1)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(asked).toEqual([])
  })
})

test.each([
  [{ leader: 2, leaderEpoch: 6 }, { leader: 1, leaderEpoch: 5 }, true],
  [{ leader: 1, leaderEpoch: 6 }, { leader: 1, leaderEpoch: 5 }, true],
  [{ leader: 2, leaderEpoch: 5 }, { leader: 1, leaderEpoch: 5 }, false],
  [{ leader: 2, leaderEpoch: 4 }, { leader: 1, leaderEpoch: 5 }, false],
  [{ leader: -1, leaderEpoch: 6 }, { leader: 1, leaderEpoch: 5 }, false],
  [{ leader: 2 }, { leader: 1, leaderEpoch: -1 }, true],
  [{ leader: 1 }, { leader: 1, leaderEpoch: -1 }, false],
  [{ leader: 1, leaderEpoch: 0 }, { leader: -1, leaderEpoch: -1 }, true],
])('%j is a later leader than %j: %s', (found, known, later) => {
  expect(isLaterLeader(found, known)).toBe(later)
})
