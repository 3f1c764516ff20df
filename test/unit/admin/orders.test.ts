import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ACTIONS, type Steerable } from '#src/admin/actions.js'
import { Orders } from '#src/admin/orders.js'
import { ErrorCode, PoolError } from '#src/index.js'
import { type Deferred, deferred } from '#src/util/deferred.js'
import { collectLines } from '../../support/log-lines.js'

const ANSWER_WITHIN_MS = 5_000
const MOST_UNDER_WAY = 32

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** A pool whose long orders are done at once, or when the test says so. */
const bench = ({ answer = true, slow = false } = {}) => {
  const calls: unknown[][] = []
  const pending: Deferred<void>[] = []
  const note = (...call: unknown[]): boolean => {
    calls.push(call.filter((value) => value !== undefined))
    return answer
  }
  const long = (...call: unknown[]): Promise<void> => {
    note(...call)
    const done = deferred<void>()
    pending.push(done)
    if (!slow) done.resolve()
    return done.promise
  }
  const pool: Steerable = {
    pause: (topic, partitions) => long('pause', topic, partitions),
    resume: (topic, partitions) => note('resume', topic, partitions),
    seek: (topic, partition, to) => long('seek', topic, partition, to).then(() => '120'),
    scale: (slots, options) => long('scale', slots, options),
    recycle: (slot) => note('recycle', slot),
    setLogLevel: (level) => void note('setLogLevel', level),
  }
  const { lines, logger } = collectLines()
  const orders = new Orders(pool, logger)
  const order = async (path: string, body: unknown) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { status, body: said } = await orders.carryOut(path, text, '127.0.0.1')
    return { status, said: JSON.parse(said) as Record<string, unknown> }
  }
  return { calls, pending, lines, orders, order }
}

const timestamp = 1_760_000_000_000

test.each([
  ['/pause', { topic: 'orders' }, ['pause', 'orders']],
  ['/pause', { topic: 'orders', partition: 3 }, ['pause', 'orders', 3]],
  ['/pause', { topic: 'orders', partitions: [3, 4] }, ['pause', 'orders', [3, 4]]],
  ['/resume', { topic: 'orders' }, ['resume', 'orders']],
  ['/resume', { topic: 'orders', partition: 0 }, ['resume', 'orders', 0]],
  ['/resume', { topic: 'orders', partitions: [3] }, ['resume', 'orders', [3]]],
  ['/seek', { topic: 'orders', partition: 3, to: 0 }, ['seek', 'orders', 3, 0]],
  ['/seek', { topic: 'orders', partition: 3, to: '9007199254740993' }, ['seek', 'orders', 3, '9007199254740993']],
  ['/seek', { topic: 'orders', partition: 3, to: 'end' }, ['seek', 'orders', 3, 'end']],
  ['/seek', { topic: 'orders', partition: 3, to: { timestamp } }, ['seek', 'orders', 3, { timestamp }]],
  ['/scale', { slots: 4 }, ['scale', 4, {}]],
  ['/scale', { slots: 4, subscription: 1 }, ['scale', 4, { subscription: 1 }]],
  ['/recycle', { slot: 0 }, ['recycle', 0]],
  ['/log-level', { level: 'debug' }, ['setLogLevel', 'debug']],
])('%s %j does what is ordered, says so and has it logged', async (path, body, call) => {
  const { calls, lines, order } = bench()
  const { status, said } = await order(path, body)
  expect(calls).toEqual([call])
  expect({ status, said }).toMatchObject({ status: 200, said: { action: path.slice(1), done: true, ...body } })
  expect(lines).toMatchObject([{ level: 30, order: said, from: '127.0.0.1', msg: `admin: ${said.says}` }])
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  ['/resume', { topic: 'orders', partition: 3 }],
  ['/recycle', { slot: 9 }],
])('%s says when there was nothing to do', async (path, body) => {
  const { order, lines } = bench({ answer: false })
  expect(await order(path, body)).toMatchObject({ status: 409, said: { done: false, says: expect.any(String) } })
  expect(lines).toHaveLength(1)
})

describe('an order that takes long', () => {
  const bodies = [
    ['/pause', { topic: 'orders' }],
    ['/seek', { topic: 'orders', partition: 3, to: 'end' }],
    ['/scale', { slots: 2 }],
  ] as const

  test.each(bodies)('%s is answered in time, and what comes of it is logged', async (path, body) => {
    const { order, pending, lines } = bench({ slow: true })
    const answered = order(path, body)
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS - 1)
    expect(lines).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    const { status, said } = await answered
    expect({ status, said }).toMatchObject({ status: 202, said: { done: false, ...body } })
    expect(said.says).toMatch(/^under way: .{20}/)
    expect(lines).toMatchObject([{ level: 30, msg: `admin: ${said.says}` }])
    pending[0]?.resolve()
    await vi.advanceTimersByTimeAsync(0)
    expect(lines.slice(1)).toMatchObject([{ level: 30, order: { action: path.slice(1), done: true, ...body } }])
  })

  test.each(bodies)('%s that fails after its answer says that in the log', async (path, body) => {
    const { order, pending, lines } = bench({ slow: true })
    const answered = order(path, body)
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS)
    await answered
    pending[0]?.reject(new PoolError(ErrorCode.poolStopped, 'the pool was stopped'))
    await vi.advanceTimersByTimeAsync(0)
    const msg = `admin: ${path.slice(1)} was not done: the pool was stopped`
    expect(lines.slice(1)).toMatchObject([{ level: 40, order: { done: false, code: 'KCP_POOL_STOPPED' }, msg }])
  })

  test('is not waited for when the server closes', async () => {
    const { order, orders } = bench({ slow: true })
    const answered = order('/pause', { topic: 'orders' })
    await vi.advanceTimersByTimeAsync(1)
    orders.close()
    expect((await answered).status).toBe(202)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is refused when too many are under way, until one of them is done', async () => {
    const { order, pending, calls } = bench({ slow: true })
    const answers = Array.from({ length: MOST_UNDER_WAY }, () => order('/pause', { topic: 'orders' }))
    expect(await order('/scale', { slots: 2 })).toMatchObject({
      status: 429,
      said: { error: '32 orders are under way already' },
    })
    // What is done at once is not refused for them: it may be what ends them.
    expect((await order('/resume', { topic: 'orders' })).status).toBe(200)
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS)
    expect((await Promise.all(answers)).every(({ status }) => status === 202)).toBe(true)
    expect((await order('/scale', { slots: 2 })).status).toBe(429)
    expect(calls).toHaveLength(MOST_UNDER_WAY + 1)
    pending[0]?.resolve()
    await vi.advanceTimersByTimeAsync(0)
    void order('/scale', { slots: 2 })
    expect(calls.at(-1)).toEqual(['scale', 2, {}])
  })
})

describe('what the pool does not do', () => {
  test('is answered with its code and its reason', async () => {
    const { order, pending, lines } = bench({ slow: true })
    const answered = order('/seek', { topic: 'orders', partition: 3, to: 5 })
    pending[0]?.reject(new PoolError(ErrorCode.offsetOutOfRange, 'orders-3 is empty: password=hunter2'))
    expect(await answered).toEqual({
      status: 409,
      said: {
        ...{ action: 'seek', topic: 'orders', partition: 3, to: 5, done: false },
        ...{ code: 'KCP_OFFSET_OUT_OF_RANGE', error: 'orders-3 is empty: password=[hidden]' },
      },
    })
    expect(lines).toMatchObject([{ level: 40, order: { code: 'KCP_OFFSET_OUT_OF_RANGE' } }])
  })

  test('is a fault when it is no error of the pool, whether it comes in time or late', async () => {
    const { order, pending, lines } = bench({ slow: true })
    const early = order('/scale', { slots: 2 })
    pending[0]?.reject(new TypeError('no'))
    await expect(early).rejects.toThrow('no')
    const late = order('/scale', { slots: 2 })
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS)
    await late
    pending[1]?.reject(new TypeError('no'))
    await vi.advanceTimersByTimeAsync(0)
    expect(lines.filter(({ level }) => level === 50)).toHaveLength(1)
  })
})

describe('an order that cannot be understood is not carried out, and hears what was expected', () => {
  test.each<readonly [path: string, body: unknown]>([
    ['/resume', ''],
    ['/resume', '{'],
    ['/resume', 'null'],
    ['/resume', '[]'],
    ['/resume', '"text"'],
    ['/resume', {}],
    ['/resume', { partition: 0 }],
    ['/resume', { topic: '', partition: 0 }],
    ['/resume', { topic: 7, partition: 0 }],
    ['/resume', { topic: 'orders', partition: -1 }],
    ['/resume', { topic: 'orders', partition: 1.5 }],
    ['/resume', { topic: 'orders', partition: '1' }],
    ['/resume', { topic: 'orders', partition: null }],
    ['/resume', '{"topic":"orders","partition":1e400}'],
    ['/resume', { topic: 'orders', partition: 2 ** 31 }],
    ['/resume', { topic: 'orders', partition: 0, offset: 5 }],
    ['/resume', '{"topic":"orders","partition":0,"__proto__":{}}'],
    ['/pause', '{"topic":"orders","__proto__":[3]}'],
    ['/pause', '{"__proto__":{"topic":"orders"}}'],
    ['/pause', { topic: 'orders', partition: 3, partitions: [3] }],
    ['/pause', { topic: 'orders', partitions: [] }],
    ['/pause', { topic: 'orders', partitions: [3, '4'] }],
    ['/pause', { topic: 'orders', partitions: { 0: 3, length: 1 } }],
    ['/pause', { topic: 'orders', partitions: 3 }],
    ['/seek', { topic: 'orders', partition: 3 }],
    ['/seek', { topic: 'orders', to: 'end' }],
    ['/seek', { topic: 'orders', partitions: [3], to: 'end' }],
    ...[-1, 1.5, '', '-1', '1e3', 'latest', 'End', null, true, [], [5], {}, { timestamp: -1 }, { timestamp: '5' }].map(
      (to) => ['/seek', { topic: 'orders', partition: 3, to }] as const,
    ),
    ['/seek', { topic: 'orders', partition: 3, to: { timestamp, also: 5 } }],
    ['/seek', `{"topic":"orders","partition":3,"to":${'['.repeat(8_000)}${']'.repeat(8_000)}}`],
    ['/scale', {}],
    ['/scale', { slots: '4' }],
    ['/scale', { slots: 4, subscription: 'first' }],
    ['/scale', { workers: 4 }],
    ['/recycle', '{"__proto__":{"slot":0}}'],
    ['/log-level', { level: 'loud' }],
    ['/log-level', { level: 'toString' }],
    ['/log-level', { level: ['debug'] }],
  ])('%s %j', async (path, body) => {
    const { calls, lines, order } = bench()
    const { status, said } = await order(path, body)
    expect({ status, said }).toEqual({ status: 400, said: { error: expect.stringMatching(/^expected "/) } })
    expect([...calls, ...lines]).toEqual([])
  })

  test('by every field, what it has to be, and whether it may be absent', async () => {
    expect((await bench().order('/pause', { topic: 'orders', offset: 5 })).said).toEqual({
      error:
        'expected "topic" (the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -, neither "." nor "..")), and perhaps "partition" (its number, from 0) or "partitions" (a list of such numbers), got "offset", too',
    })
    expect((await bench().order('/seek', {})).said).toEqual({
      error:
        'expected "topic" (the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -, neither "." nor "..")) and "partition" (its number, from 0) and "to" (an offset, "beginning", "end" or {"timestamp": ms since 1970})',
    })
  })

  test('nor one that there is not', async () => {
    expect((await bench().order('/nothing', {})).status).toBe(404)
    expect((await bench().order('/__proto__', {})).status).toBe(404)
    expect(ACTIONS.size).toBeGreaterThanOrEqual(6)
  })
})
