import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { deferred } from '#src/util/deferred.js'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask, post } from '../../support/admin/ask.js'
import { listenTo } from '../../support/admin/event-stream.js'
import { poolStatus, slotStatus } from '../../support/admin/status.js'
import { failOnLeaks } from '../../support/leaks.js'

failOnLeaks()

/** A connection over which bytes are sent as they are. */
const rawly = (port: number) => {
  const socket: Socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text
  })
  const closed = new Promise<void>((resolve) => socket.on('error', () => {}).on('close', () => resolve()))
  onTestFinished(() => void socket.destroy())
  return { socket, closed, heard: () => heard }
}

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

const POST = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const PAUSE = POST('/pause', '{"topic":"orders"}')

test('streams of events that stand behind an answer in their connection take no place from anybody', async () => {
  const { url, port, pool } = await startAdmin()
  pool.takes = deferred<void>().promise
  const { socket, closed } = rawly(port)
  socket.write(PAUSE + GET('/events').repeat(20))
  await expect.poll(() => pool.orders.length).toBe(1)
  socket.destroy()
  await closed
  const heard = await Promise.all(Array.from({ length: 16 }, () => listenTo(url('/events'))))
  expect(heard.map(({ status }) => status)).toEqual(Array(16).fill(200))
})

test('many requests in one connection are answered one after the other', async () => {
  const { port, pool } = await startAdmin()
  const { socket, closed, heard } = rawly(port)
  socket.write(GET('/status').repeat(500))
  socket.end(PAUSE)
  await closed
  expect(heard().match(/HTTP\/1\.1 200 /g)).toHaveLength(501)
  expect(pool.orders).toEqual([['pause', 'orders', undefined]])
})

test('who leaves before his order is done harms nobody, and the order is carried out and logged', async () => {
  const { url, port, pool, lines } = await startAdmin()
  const done = deferred<void>()
  pool.takes = done.promise
  const { socket, closed } = rawly(port)
  socket.write(PAUSE)
  await expect.poll(() => pool.orders.length).toBe(1)
  socket.destroy()
  await closed
  done.resolve()
  await expect.poll(() => lines.at(-1)?.msg).toMatch(/^admin: all of orders: paused/)
  expect(lines.filter(({ level }) => level > 30)).toEqual([])
  expect((await ask(url('/livez'))).status).toBe(200)
})

test('closing waits for no order, and for nobody who has said nothing', async () => {
  const { server, port, pool } = await startAdmin()
  pool.takes = deferred<void>().promise
  const ordering = rawly(port)
  const silent = rawly(port)
  ordering.socket.write(PAUSE)
  await expect.poll(() => pool.orders.length).toBe(1)
  const beganAt = performance.now()
  await server.close()
  await Promise.all([ordering.closed, silent.closed])
  expect(performance.now() - beganAt).toBeLessThan(1_000)
  expect(ordering.heard()).toMatch(/^HTTP\/1\.1 202 /)
})

test('a pool that cannot say how it is is a fault, once a second in the log, and orders still reach it', async () => {
  const { url, pool, lines } = await startAdmin()
  const says = pool.says
  Object.defineProperty(pool, 'says', {
    configurable: true,
    get: () => {
      throw new Error('no status: password=hunter2')
    },
  })
  const beganAt = performance.now()
  for (const path of ['/livez', '/readyz', '/status', '/metrics', '/metrics?partitions', '/status', '/livez?verbose']) {
    const { status, json } = await ask(url(path))
    expect({ status, json }).toEqual({
      status: 500,
      json: { error: 'a fault of the admin server, which is in the log' },
    })
  }
  const seconds = Math.ceil((performance.now() - beganAt) / 1_000)
  const faults = lines.filter(({ level }) => level === 50)
  expect(faults.length).toBeGreaterThan(0)
  expect(faults.length).toBeLessThanOrEqual(seconds + 1)
  expect((await post(url('/recycle'), { slot: 0 })).status).toBe(200)
  Object.defineProperty(pool, 'says', { value: says })
  expect((await ask(url('/livez'))).status).toBe(200)
  await expect.poll(async () => (await ask(url('/metrics'))).status, { timeout: 3_000 }).toBe(200)
})

test('who sends slowly is cut off, and who opens more connections than there may be keeps nobody out for long', async () => {
  const { url, port, lines } = await startAdmin()
  const crowd = Array.from({ length: 70 }, () => rawly(port))
  const head = 'POST /recycle HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n'
  for (const [n, { socket }] of crowd.entries()) {
    if (n % 3 === 1) socket.write(head)
    if (n % 3 === 2) socket.write(`${head}\r\n{`)
  }
  const dripping = setInterval(() => {
    for (const [n, { socket }] of crowd.entries()) if (n % 3 === 1 && socket.writable) socket.write('A: b\r\n')
  }, 1_000)
  onTestFinished(() => clearInterval(dripping))
  await expect
    .poll(
      () =>
        ask(url('/livez')).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 15_000 },
    )
    .toBe(200)
  await Promise.all(crowd.map(({ closed }) => closed))
  expect(lines.filter(({ level }) => level > 30)).toEqual([])
}, 25_000)

test('CONNECT, an upgrade, and a body that is announced and refused', async () => {
  const { port, lines } = await startAdmin()
  const hears = async (bytes: string): Promise<string> => {
    const { socket, closed, heard } = rawly(port)
    socket.end(bytes)
    await closed
    return heard()
  }
  expect(await hears('CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n')).toBe('')
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  expect(await hears(`GET /livez HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
  const announced = 'Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n'
  expect(await hears(`POST /pause HTTP/1.1\r\nHost: localhost\r\n${announced}\r\n`)).toContain('HTTP/1.1 413 ')
  expect(await hears('GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\n\r\n')).toMatch(/^HTTP\/1\.1 417 /)
  expect(lines.filter(({ level }) => level > 30)).toEqual([])
})

test('two pools of a process have a server each: neither answers or counts what is the other one’s', async () => {
  const one = await startAdmin({ status: poolStatus('running', slotStatus({ groupId: 'one' })) })
  const two = await startAdmin({ status: poolStatus('degraded', slotStatus({ groupId: 'two', stalled: true })) })
  one.server.tell('pool:escalated', {})
  const scrapes = await Promise.all([one, two].map(async ({ url }) => (await ask(url('/metrics'))).body))
  expect(scrapes.map((text) => /escalations_total (\d)/.exec(text)?.[1])).toEqual(['1', '0'])
  expect(scrapes.map((text) => [text.includes('"one"'), text.includes('"two"')])).toEqual([
    [true, false],
    [false, true],
  ])
  expect([(await ask(one.url('/readyz'))).status, (await ask(two.url('/readyz'))).status]).toEqual([200, 503])
  await one.server.close()
  expect((await ask(two.url('/livez'))).status).toBe(200)
})
