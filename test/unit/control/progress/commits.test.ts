import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { isAboutMembership } from '#src/control/membership/reactions.js'
import { Commits } from '#src/control/progress/commits.js'
import { Suspects } from '#src/control/supervision/suspects.js'
import { PoolError } from '#src/errors.js'
import type { Membership } from '#src/kafka/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { TopicPartition } from '#src/kafka/metadata.js'
import type { TopicPartitionOffset } from '#src/kafka/offsets.js'
import { monotonicMs } from '#src/util/clock.js'
import { FakeClient, kafkaError, silence } from '../../../support/control/fake-client.js'
import { collectLines } from '../../../support/log-lines.js'

const SASL_AUTHENTICATION_FAILED = 58

type Refused = TopicPartition & { readonly error: KafkaError }

const world = (generation = 3, { memberId = 'member', mayCommit = generation >= 0 } = {}) => {
  const { logger, lines } = collectLines()
  const client = new FakeClient()
  const own = new FakeClient('own')
  const sent: (readonly TopicPartitionOffset[])[] = []
  const sentOverOwn: (readonly TopicPartitionOffset[])[] = []
  own.commitOffsets = async (_node, _member, offsets) => {
    sentOverOwn.push(offsets)
    return []
  }
  let free: Coordinator | null = new Coordinator(own, 'group')
  const keepOwn = () => {
    free = null
  }
  const answers: (() => Promise<readonly Refused[]>)[] = []
  client.commitOffsets = async (_node, _member, offsets) => {
    sent.push(offsets)
    return (await answers.shift()?.()) ?? []
  }
  const suspects = new Suspects(0)
  const holdings = new Holdings(suspects)
  const { page } = holdings.add([{ topic: 'orders', partition: 0, offset: 1n, committed: 0n }])
  const told = { doubts: 0, accepted: 0, committed: [] as bigint[] }
  const commits = new Commits({
    holdings,
    coordinator: new Coordinator(client, 'group'),
    seatsCoordinator: () => free,
    membership: (): Membership => ({ groupId: 'group', generation, memberId, instanceId: null }),
    mayCommit: () => mayCommit,
    onAccepted: () => {
      told.accepted += 1
    },
    onRefused: (error) => {
      if (isAboutMembership(error)) told.doubts += 1
    },
    onCommitted: (offsets) => told.committed.push(...offsets.map(({ offset }) => offset)),
    log: logger,
  })
  return { suspects, client, own, keepOwn, holdings, page, commits, sent, sentOverOwn, answers, told, lines }
}

describe('commits', () => {
  test('are sent only when something has moved', async () => {
    const { commits, sent } = world()
    await commits.now()
    await commits.now()
    expect(sent).toHaveLength(1)
  })

  test('carry what is held against the next message, also when nothing else has moved, until it is finished', async () => {
    const { commits, sent, holdings, suspects } = world()
    await commits.now()
    const error = new PoolError('KCP_THREAD_EXITED', 'the test says so')
    const inFlight = [{ topic: 'orders', partition: 0, offset: '1' }]
    suspects.accuse({ inFlight, inCompany: false, error }, 3)
    await commits.now()
    await commits.now()
    suspects.accuse({ inFlight, inCompany: false, error }, 3)
    await commits.now()
    const [holding] = holdings.all()
    holding?.page.finish(holding.index, 2)
    await commits.now()
    await commits.now()
    expect(sent.map(([entry]) => [entry?.offset, /"deaths":\d/.exec(entry?.metadata ?? '')?.[0]])).toEqual([
      [1n, undefined],
      [1n, '"deaths":1'],
      [1n, '"deaths":2'],
      [2n, undefined],
    ])
  })

  test('come without that when the broker stores no such thing, and the offset goes with the next one, also the last', async () => {
    const { commits, sent, answers, suspects, lines } = world()
    const error = new PoolError('KCP_THREAD_EXITED', 'the test says so')
    const where = { topic: 'orders', partition: 0 }
    suspects.accuse({ inFlight: [{ ...where, offset: '1' }], inCompany: false, error }, 3)
    answers.push(async () => [{ ...where, error: kafkaError(12, 'OFFSET_METADATA_TOO_LARGE') }])
    await commits.last(monotonicMs() + 10_000)
    expect(sent.map(([entry]) => entry?.metadata !== undefined)).toEqual([true, false])
    await commits.now()
    expect(sent).toHaveLength(2)
    expect(lines.filter(({ level }) => level === 40)).toHaveLength(1)
  })

  test('are not sent while the seat is no member', async () => {
    const { commits, sent } = world(-1)
    await commits.now()
    expect(sent).toEqual([])
  })

  test('that were asked for during another one cover what was finished meanwhile', async () => {
    const { commits, answers, holdings, sent, told } = world()
    let release = () => {}
    answers.push(() => new Promise((resolve) => (release = () => resolve([]))))
    const first = commits.now()
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    const [holding] = holdings.all()
    holding?.page.finish(holding.index, 8)
    const second = commits.now()
    expect(commits.now()).toBe(second)
    release()
    await Promise.all([first, second])
    expect(told.committed).toEqual([1n, 8n])
  })

  test('are accepted when all of them are stored, and not when some are', async () => {
    const { commits, answers, holdings, told } = world()
    holdings.add([{ topic: 'bills', partition: 0, offset: 1n, committed: 0n }])
    answers.push(async () => [{ topic: 'bills', partition: 0, error: kafkaError(29) }])
    await commits.now()
    expect([told.committed, told.accepted]).toEqual([[1n], 0])
    await commits.now()
    expect([told.committed, told.accepted]).toEqual([[1n, 1n], 1])
    await commits.now()
    holdings.confirmAgain()
    await commits.now()
    expect(told.committed.length).toBe(4)
  })

  test('that fail again and again are one line, and one when they are stored', async () => {
    const { commits, answers, lines } = world()
    answers.push(...Array(3).fill(() => Promise.reject(kafkaError(SASL_AUTHENTICATION_FAILED))))
    for (let n = 0; n < 4; n++) await commits.now()
    const told = lines.filter(({ level }) => level > 20).map(({ level, msg }) => [level, msg])
    expect(told).toEqual([
      [40, 'offsets could not be committed; they go with the next commit'],
      [30, 'offsets are committed again'],
    ])
  })

  test('of a seat that is no member are sent, and refused for good when members stay', async () => {
    const { commits, answers, sent, holdings, told } = world(-1, { memberId: '', mayCommit: true })
    answers.push(...Array(20).fill(() => Promise.reject(kafkaError(25))))
    await commits.last(monotonicMs() + 60_000)
    expect(told.doubts).toBe(5)
    expect(holdings.uncommitted()).toHaveLength(1)
    answers.length = 0
    await commits.now()
    expect(sent).toHaveLength(6)
    expect(told.committed).toEqual([1n])
  })

  test.each([
    22, 25, 27, 82,
  ])('refused with code %i make the seat ask the coordinator, and lose nothing', async (code) => {
    const { commits, answers, holdings, told } = world()
    answers.push(() => Promise.reject(kafkaError(code)))
    await commits.now()
    expect(told).toEqual({ doubts: 1, accepted: 0, committed: [] })
    expect(holdings.uncommitted()).toHaveLength(1)
  })

  test('wait for 6 s, and for twice as long after each silence, until a slow coordinator is waited for long enough', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { commits, client, holdings, told } = world()
    const limits: unknown[] = []
    client.commitOffsets = async (_node, _member, _offsets, { atMostMs = 0 } = {}) => {
      limits.push(atMostMs)
      await vi.advanceTimersByTimeAsync(Math.min(atMostMs, 15_000))
      if (atMostMs < 15_000) throw silence()
      return []
    }
    await commits.now()
    await commits.now()
    const [holding] = holdings.all()
    holding?.page.finish(holding.index, 8)
    await commits.now()
    expect([limits, told.committed]).toEqual([
      [6_000, 12_000, 24_000, 24_000],
      [1n, 8n],
    ])
  })

  test('go to the new coordinator when it has moved', async () => {
    const { commits, answers, client, told } = world()
    answers.push(() => Promise.reject(kafkaError(16)))
    await commits.now()
    expect(client.asked).toEqual(['FindCoordinator', 'FindCoordinator'])
    expect(told.committed).toEqual([1n])
  })

  test('count only the partitions that were not refused', async () => {
    const { commits, answers, holdings, told } = world()
    holdings.add([{ topic: 'orders', partition: 1, offset: 5n, committed: 0n }])
    answers.push(async () => [{ topic: 'orders', partition: 0, error: kafkaError(12) }])
    await commits.now()
    expect(told.committed).toEqual([5n])
    expect(holdings.uncommitted().map(({ partition }) => partition)).toEqual([0])
  })
})

describe('the last commit', () => {
  const soon = () => monotonicMs() + 2_000

  test('is tried again until everything is stored', async () => {
    const { commits, answers, holdings } = world()
    answers.push(() => Promise.reject(new KafkaError('COORDINATOR_LOAD_IN_PROGRESS', 14, true, 'later')))
    answers.push(() => Promise.reject(kafkaError(27)))
    answers.push(() => Promise.reject(new KafkaError('CONNECTION', -1, true, 'refused')))
    answers.push(() => Promise.reject(new KafkaError('CONNECTION', -1, true, 'refused'))) // and once persistently
    await commits.last(soon())
    expect(holdings.uncommitted()).toEqual([])
  })

  test('is not tried again when the broker has refused it for good', async () => {
    const { commits, answers, sent } = world()
    answers.push(async () => [
      { topic: 'orders', partition: 0, error: new KafkaError('REFUSED', 29, false, 'refused') },
    ])
    await commits.last(soon())
    expect(sent).toHaveLength(1)
  })

  test('is given up for a topic that is gone after a few tries, and not at the end of the time', async () => {
    const { commits, client, sent } = world()
    const gone = new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 3, true, 'gone')
    client.commitOffsets = async (_node, _member, offsets) => {
      sent.push(offsets)
      return [{ topic: 'orders', partition: 0, error: gone }]
    }
    await commits.last(monotonicMs() + 60_000)
    expect(sent).toHaveLength(5)
  })

  test('is tried again for a topic that a coordinator does not know yet', async () => {
    const { commits, answers, told } = world()
    const unknown = new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 3, true, 'unknown')
    answers.push(async () => [{ topic: 'orders', partition: 0, error: unknown }])
    await commits.last(soon())
    expect(told.committed).toEqual([1n])
  })

  test('is over when its time is, although nobody answers', async () => {
    const { commits, answers, keepOwn } = world()
    keepOwn()
    answers.push(() => new Promise(() => {}))
    const deadlineMs = monotonicMs() + 100
    await commits.last(deadlineMs)
    expect(monotonicMs()).toBeGreaterThanOrEqual(deadlineMs - 5)
  })

  describe('over a client that has gone silent', () => {
    beforeEach(() => {
      vi.useFakeTimers()
    })
    afterEach(() => {
      vi.useRealTimers()
    })
    const never = () => new Promise<never>(() => {})
    const isDone = async (promise: Promise<void>, ms: number) => {
      let done = false
      void promise.then(() => (done = true))
      await vi.advanceTimersByTimeAsync(ms)
      return done
    }

    test('goes over that of the seat after a second', async () => {
      const { commits, client, sentOverOwn, told } = world()
      client.onFindCoordinator = [never]
      expect(await isDone(commits.last(monotonicMs() + 25_000), 990)).toBe(false)
      expect(sentOverOwn).toEqual([])
      await vi.advanceTimersByTimeAsync(20)
      expect([sentOverOwn.length, told.committed]).toEqual([1, [1n]])
    })

    test('goes over that of the seat in the middle of the time that is left, when that is short', async () => {
      const { commits, answers, told } = world()
      answers.push(never)
      expect(await isDone(commits.last(monotonicMs() + 700), 360)).toBe(true)
      expect(told.committed).toEqual([1n])
    })

    test('takes the one along on which a commit was waiting, and then covers what was finished since', async () => {
      const { commits, answers, holdings, sentOverOwn, told } = world()
      answers.push(never, never)
      void commits.now()
      await vi.advanceTimersByTimeAsync(60_000)
      expect(sentOverOwn).toEqual([])
      const [holding] = holdings.all()
      holding?.page.finish(holding.index, 8)
      expect(await isDone(commits.last(monotonicMs() + 5_000), 2_010)).toBe(true)
      expect(told.committed).toEqual([1n, 8n])
      expect(holdings.uncommitted()).toEqual([])
    })

    test('is not sent again over that one when it breaks: what was stored since then would be taken back', async () => {
      const { commits, answers, holdings, sent, told } = world()
      answers.push(() => new Promise((_, reject) => setTimeout(() => reject(silence()), 3_000)))
      void commits.now()
      const [holding] = holdings.all()
      holding?.page.finish(holding.index, 8)
      expect(await isDone(commits.last(monotonicMs() + 25_000), 1_010)).toBe(true)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(told.committed).toEqual([1n, 8n])
      expect(sent.flat().map(({ offset }) => offset)).toEqual([1n, 8n])
    })

    test('waits for it when a JoinGroup may keep that of the seat', async () => {
      const { commits, answers, keepOwn, sentOverOwn } = world()
      keepOwn()
      answers.push(never)
      const last = commits.last(monotonicMs() + 5_000)
      expect(await isDone(last, 4_990)).toBe(false)
      expect(await isDone(last, 20)).toBe(true)
      expect(sentOverOwn).toEqual([])
    })

    test('hears what is said over either: a refusal by the one that was silent ends it', async () => {
      const { commits, own, answers, sent, told } = world()
      own.commitOffsets = never
      const refused = new KafkaError('REFUSED', 29, false, 'refused')
      answers.push(() => new Promise((_, reject) => setTimeout(() => reject(refused), 2_000)))
      expect(await isDone(commits.last(monotonicMs() + 25_000), 2_010)).toBe(true)
      expect([sent.length, told.committed]).toEqual([1, []])
    })

    test('takes turns with that of the seat when neither is silent, but broken', async () => {
      const { commits, client, own, told } = world()
      const asked: string[] = []
      const broken = (name: string) => () => {
        asked.push(name)
        return Promise.reject(new KafkaError('CONNECTION', -1, true, 'refused'))
      }
      client.onFindCoordinator = [broken('pool')]
      own.onFindCoordinator = [broken('seat'), broken('seat'), async () => 1]
      expect(await isDone(commits.last(monotonicMs() + 5_000), 500)).toBe(true)
      // Each look-up is tried once more.
      expect(asked).toEqual(['pool', 'pool', 'seat', 'seat', 'pool', 'pool'])
      expect(told.committed).toEqual([1n])
    })

    test('is not sent twice where the first is answered in time, nor any other commit', async () => {
      const { commits, answers, sentOverOwn, told } = world()
      answers.push(() => new Promise((resolve) => setTimeout(() => resolve([]), 900)))
      expect(await isDone(commits.last(monotonicMs() + 25_000), 910)).toBe(true)
      await vi.advanceTimersByTimeAsync(60_000)
      expect([told.committed, sentOverOwn]).toEqual([[1n], []])
    })
  })
})
