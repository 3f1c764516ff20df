import { Agent } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AdminServer } from '#src/admin/admin-server.js'
import { ErrorCode, PoolError } from '#src/index.js'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask, post } from '../../support/admin/ask.js'
import { eventsIn, listenTo } from '../../support/admin/event-stream.js'
import { partitionStatus, poolStatus, slotStatus } from '../../support/admin/status.js'
import { failOnLeaks } from '../../support/leaks.js'
import { collectLines } from '../../support/log-lines.js'

failOnLeaks()

const TOKEN = 'a-token-of-sixteen-characters'
const BEARER = { authorization: `Bearer ${TOKEN}` }

describe('probes', () => {
  test('say yes while all is well', async () => {
    const { url } = await startAdmin()
    expect(await ask(url('/livez'))).toMatchObject({ status: 200, json: { ok: true, state: 'running', reasons: [] } })
    expect(await ask(url('/readyz'))).toMatchObject({ status: 200, json: { ok: true, state: 'running', reasons: [] } })
  })

  test('say no, and why', async () => {
    const { url } = await startAdmin({ status: poolStatus('degraded', slotStatus({ stalled: true })) })
    expect((await ask(url('/livez'))).status).toBe(200)
    expect(await ask(url('/readyz'))).toMatchObject({
      status: 503,
      json: { ok: false, state: 'degraded', reasons: ['slot 0: messages wait and nothing moves'] },
    })
  })

  test('list all that was looked at with ?verbose', async () => {
    const { url } = await startAdmin()
    const checks = ['pool', 'slots', 'partitions', 'progress', 'rebalance'].map((check) => ({ check, ok: true }))
    expect((await ask(url('/readyz?verbose'))).json).toMatchObject({ ok: true, checks })
    expect((await ask(url('/livez?verbose'))).json).toMatchObject({
      checks: [{ check: 'self-healing' }, { check: 'main-loop' }],
    })
  })

  test('give no reasons to who has no token', async () => {
    const { url } = await startAdmin({ token: TOKEN, status: poolStatus('starting', slotStatus()) })
    expect(await ask(url('/readyz?verbose'))).toMatchObject({ status: 503, body: '{"ok":false}' })
    expect((await ask(url('/readyz'), { headers: BEARER })).json).toMatchObject({ reasons: ['the pool is starting'] })
  })

  test('answer HEAD with the same status', async () => {
    const { url } = await startAdmin({ status: poolStatus('escalated', slotStatus()) })
    expect(await ask(url('/livez'), { method: 'HEAD' })).toMatchObject({ status: 503, body: '' })
  })
})

test('what is paused is no trouble, and /readyz?verbose and /status have it', async () => {
  const assignment = [partitionStatus(0), partitionStatus(3, null, 61_000)]
  const { url } = await startAdmin({ status: poolStatus('running', slotStatus({ assignment })) })
  expect(await ask(url('/readyz?verbose'))).toMatchObject({
    status: 200,
    json: { ok: true, onHold: ['orders 3: paused by pool.pause() for 61.0 s'] },
  })
  expect((await ask(url('/livez?verbose'))).json).not.toHaveProperty('onHold')
  expect((await ask(url('/status'))).json).toHaveProperty('slots.0.assignment.1.onHoldForMs', 61_000)
})

test('/status is what pool.status() says', async () => {
  const { url, pool } = await startAdmin()
  expect((await ask(url('/status'))).json).toEqual(pool.says)
})

test('nothing secret is in an answer, whatever the pool has it in', async () => {
  const error = { code: 'KCP_THREAD_CRASHED', message: 'connecting to mongo://me:hunter2@db failed; password=hunter3' }
  const config = { username: 'me', password: 'hunter4', 'ssl.passphrase': 'hunter5' }
  const { url } = await startAdmin({
    token: TOKEN,
    status: poolStatus('degraded', slotStatus({ state: 'parked', lastError: error, config })),
  })
  for (const path of ['/status', '/readyz', '/readyz?verbose', '/livez?verbose']) {
    const { body } = await ask(url(path), { headers: BEARER })
    expect(body).not.toMatch(/hunter|sixteen/)
  }
  expect((await ask(url('/status'), { headers: BEARER })).body).toContain('[hidden]')
})

test('every answer has the headers that keep browsers from making more of it', async () => {
  const { url } = await startAdmin()
  for (const path of ['/livez', '/status', '/nothing']) {
    expect((await ask(url(path))).headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
    })
  }
})

test.each([
  ['GET', '/', 404, undefined],
  ['GET', '/status/', 404, undefined],
  ['GET', '/__proto__', 404, undefined],
  ['POST', '/status', 405, 'GET, HEAD'],
  ['DELETE', '/status', 405, 'GET, HEAD'],
  ['HEAD', '/events', 405, 'GET'],
  ['GET', '/resume', 405, 'POST'],
  ['OPTIONS', '/resume', 405, 'POST'],
])('%s %s is answered with %i', async (method, path, status, allow) => {
  const { url } = await startAdmin()
  const answered = await ask(url(path), { method, headers: { 'content-type': 'application/json' } })
  expect([answered.status, answered.headers.allow]).toEqual([status, allow])
})

describe('orders', () => {
  test('are carried out, answered and logged', async () => {
    const { url, pool, lines } = await startAdmin()
    const said = { action: 'resume', topic: 'orders', partition: 3, done: true }
    expect(await post(url('/resume'), { topic: 'orders', partition: 3 })).toMatchObject({ status: 200, json: said })
    expect(pool.orders).toEqual([['resume', 'orders', 3]])
    expect(lines.at(-1)).toMatchObject({ order: said, level: 30, from: '127.0.0.1' })
  })

  test('with nothing to do are answered with 409', async () => {
    const { url, pool } = await startAdmin()
    pool.answers = false
    expect(await post(url('/recycle'), { slot: 7 })).toMatchObject({ status: 409, json: { done: false } })
  })

  test('are not carried out without the token, from another page, or under another name', async () => {
    const { url, pool } = await startAdmin({ token: TOKEN })
    expect((await post(url('/recycle'), { slot: 0 })).status).toBe(401)
    expect((await post(url('/recycle'), { slot: 0 }, { ...BEARER, origin: 'http://evil.example' })).status).toBe(403)
    const { url: open, pool: other, lines } = await startAdmin()
    expect((await post(open('/recycle'), { slot: 0 }, { host: 'evil.example' })).status).toBe(403)
    expect(lines.at(-1)).toMatchObject({ level: 40, status: 403, from: '127.0.0.1' })
    expect([...pool.orders, ...other.orders]).toEqual([])
  })

  test('have 16 kB at most, whether they say how long they are or not', async () => {
    const { url, pool } = await startAdmin()
    const body = JSON.stringify({ slot: 0, more: 'x'.repeat(16 * 1024) })
    const json = { 'content-type': 'application/json' }
    const length = { ...json, 'content-length': String(body.length) }
    expect((await ask(url('/recycle'), { method: 'POST', headers: length, body })).status).toBe(413)
    const chunked = { ...json, 'transfer-encoding': 'chunked' }
    expect((await ask(url('/recycle'), { method: 'POST', headers: chunked, body })).status).toBe(413)
    expect(pool.orders).toEqual([])
  })
})

describe('/events', () => {
  test('says what the pool says, errors as plain data', async () => {
    const { url, server } = await startAdmin()
    const heard = await listenTo(url('/events'))
    const cause = new Error('token=hunter2')
    const error = new PoolError(ErrorCode.threadCrashed, 'it crashed', { slot: 1, cause })
    server.tell('slot:crashed', { slot: 1, error })
    await expect.poll(heard.text).toContain('slot:crashed')
    expect(eventsIn(heard.text())).toEqual([
      [
        'slot:crashed',
        {
          slot: 1,
          error: expect.objectContaining({
            ...{ name: 'PoolError', message: 'it crashed', code: 'KCP_THREAD_CRASHED' },
            cause: expect.objectContaining({ message: 'token=[hidden]' }),
          }),
        },
      ],
    ])
  })

  test('a fault in what is made of an event reaches nobody but the log', async () => {
    const { server, lines } = await startAdmin()
    server.tell('slot:crashed', {})
    expect(lines.at(-1)).toMatchObject({ level: 50, event: 'slot:crashed' })
  })

  test('leaves out what is more than 500 a second, and says how many with the next one', async () => {
    const { url, server } = await startAdmin()
    const heard = await listenTo(url('/events'))
    for (let event = 0; event < 700; event++) server.tell('message:failed', { event })
    await expect
      .poll(() => {
        server.tell('message:failed', {})
        return eventsIn(heard.text()).find(([name]) => name === 'omitted')?.[1]
      })
      .toMatchObject({ events: expect.toSatisfy((events: number) => events >= 200) })
  })

  test('has a heartbeat, with which it says, too, how many were left out', async () => {
    const { url, server } = await startAdmin()
    const heard = await listenTo(url('/events'))
    for (let event = 0; event < 700; event++) server.tell('message:failed', { event })
    await expect.poll(heard.text, { timeout: 15_000 }).toContain('\n\n:\n\n')
    expect(eventsIn(heard.text()).at(-1)).toEqual(['omitted', { events: 200 }])
  })

  test('cuts off who does not read', async () => {
    const { server, port } = await startAdmin()
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await new Promise<void>((resolve) => socket.once('data', () => resolve(void socket.pause())))
    const payload = 'x'.repeat(100_000)
    for (let event = 0; event < 400; event++) server.tell('group:revoking', { payload })
    let received = 0
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    await new Promise<void>((resolve) => socket.on('error', () => {}).on('close', () => resolve()))
    expect(received).toBeLessThan(400 * payload.length)
  })

  test('has room for sixteen', async () => {
    const { url } = await startAdmin()
    const heard = await Promise.all(Array.from({ length: 17 }, () => listenTo(url('/events'))))
    expect(heard.map(({ status }) => status).sort()).toEqual([...Array(16).fill(200), 503])
  })
})

test('closing waits for nobody: who listens hears the last event, and all others are cut off', async () => {
  const { url, server, port } = await startAdmin()
  const heard = await listenTo(url('/events'))
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  await ask(url('/livez'), { agent })
  const half = connect(port, '127.0.0.1')
  onTestFinished(() => void half.destroy())
  const cut = new Promise<void>((resolve) => half.on('error', () => {}).on('close', () => resolve()))
  half.write('POST /resume HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{')
  await ask(url('/livez'), { agent })
  const beganAt = performance.now()
  server.tell('pool:stopped', { drained: true })
  await server.close()
  expect(performance.now() - beganAt).toBeLessThan(1_000)
  await Promise.all([heard.ended, cut])
  expect(eventsIn(heard.text())).toEqual([['pool:stopped', { drained: true }]])
  expect(server.address).toBeNull()
})

/** One that does not listen yet. */
const unstarted = (host: string, port: number): AdminServer => {
  const server = new AdminServer({ host, port, token: null, pool: undefined as never, log: collectLines().logger })
  onTestFinished(() => server.close())
  return server
}

test.each([
  ['127.0.0.1', 'the port is taken. Choose another admin.port, or 0 for any that is free'],
  ['192.0.2.1', 'this machine has no such address. Change admin.host'],
])('where it cannot listen (%s) the start ends with the place and a remedy', async (host, remedy) => {
  const { port } = await startAdmin()
  await expect(unstarted(host, port).listen()).rejects.toMatchObject({
    code: 'KCP_ADMIN_NOT_LISTENING',
    message: `the admin server cannot listen at ${host} port ${port}: ${remedy}`,
  })
})

test('one that is closed while it begins to listen does not listen', async () => {
  const server = unstarted('localhost', 0)
  const listening = server.listen()
  await server.close()
  await listening
  await expect.poll(() => server.address).toBeNull()
})
