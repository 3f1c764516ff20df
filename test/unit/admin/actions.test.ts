import { describe, expect, test } from 'vitest'
import { ACTIONS, carryOut, type Steerable } from '#src/admin/actions.js'

const bench = (answer = true) => {
  const calls: unknown[][] = []
  const logged: unknown[] = []
  const note = (...call: unknown[]): boolean => {
    calls.push(call)
    return answer
  }
  const pool: Steerable = {
    resume: (topic, partition) => note('resume', topic, partition),
    recycle: (slot) => note('recycle', slot),
    setLogLevel: (level) => void note('setLogLevel', level),
  }
  const order = (path: string, body: unknown) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { status, body: said } = carryOut(pool, path, text, (done) => logged.push(done))
    return { status, said: JSON.parse(said) as Record<string, unknown> }
  }
  return { calls, logged, order }
}

test.each([
  ['/resume', { topic: 'orders', partition: 3 }, ['resume', 'orders', 3]],
  ['/recycle', { slot: 0 }, ['recycle', 0]],
  ['/log-level', { level: 'debug' }, ['setLogLevel', 'debug']],
])('%s does what is ordered, says so and has it logged', (path, order, call) => {
  const { calls, logged, order: give } = bench()
  const { status, said } = give(path, order)
  expect(calls).toEqual([call])
  expect({ status, said }).toMatchObject({ status: 200, said: { action: path.slice(1), done: true, ...order } })
  expect(logged).toEqual([said])
})

test.each([
  ['/resume', { topic: 'orders', partition: 3 }],
  ['/recycle', { slot: 9 }],
])('%s says when there was nothing to do', (path, order) => {
  const { order: give, logged } = bench(false)
  expect(give(path, order)).toMatchObject({ status: 409, said: { done: false, says: expect.any(String) } })
  expect(logged).toHaveLength(1)
})

describe('an order that cannot be understood is not carried out, and hears what was expected', () => {
  test.each([
    ['/resume', ''],
    ['/resume', '{'],
    ['/resume', 'null'],
    ['/resume', '[]'],
    ['/resume', '"text"'],
    ['/resume', {}],
    ['/resume', { topic: 'orders' }],
    ['/resume', { topic: '', partition: 0 }],
    ['/resume', { topic: 7, partition: 0 }],
    ['/resume', { topic: 'orders', partition: -1 }],
    ['/resume', { topic: 'orders', partition: 1.5 }],
    ['/resume', { topic: 'orders', partition: '1' }],
    ['/resume', '{"topic":"orders","partition":1e400}'],
    ['/resume', { topic: 'orders', partition: 0, offset: 5 }],
    ['/resume', '{"topic":"orders","partition":0,"__proto__":{}}'],
    ['/recycle', '{"__proto__":{"slot":0}}'],
    ['/log-level', { level: 'loud' }],
    ['/log-level', { level: 'toString' }],
  ])('%s %j', (path, body) => {
    const { calls, logged, order } = bench()
    const { status, said } = order(path, body)
    expect({ status, said }).toEqual({ status: 400, said: { error: expect.stringMatching(/^expected "/) } })
    expect([...calls, ...logged]).toEqual([])
  })

  test('nor one that there is not', () => {
    expect(bench().order('/nothing', {}).status).toBe(404)
    expect(ACTIONS.size).toBeGreaterThanOrEqual(3)
  })
})
