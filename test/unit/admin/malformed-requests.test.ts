import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask } from '../../support/admin/ask.js'

const REQUESTS = 10_000
/** The first ones have everything compiled and every buffer allocated. */
const WARM_UP = 2_000
const SIDE_BY_SIDE = 24

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The same numbers from 0 to 1 in every run (mulberry32). */
const dice = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const roll = dice(13)
const below = (limit: number): number => Math.floor(roll() * limit)
const oneOf = <T>(...options: readonly T[]): T => options[below(options.length)] as T
const noise = (length: number): string =>
  Buffer.from(Array.from({ length: below(length) }, () => below(256))).toString('latin1')

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI', 'get', '']
const paths = [
  '/livez',
  '/readyz',
  '/status',
  '/events',
  '/resume',
  '/recycle',
  '/log-level',
  '/',
  '*',
  '',
  '//',
  '/%00',
]
const bodies = [
  '',
  '{}',
  '{"slot":0}',
  '{"topic":"orders","partition":0}',
  '{"level":"debug"}',
  '{"__proto__":null,"slot":{}}',
  '[[[[[[[[',
  '5\r\n{"slo\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1\r\n\r\n',
]

const header = (): string =>
  oneOf(
    () => `Host: ${oneOf('127.0.0.1', 'localhost', 'evil.example', '', '::1', noise(20))}`,
    () => `Content-Type: ${oneOf('application/json', 'text/plain', noise(20))}`,
    () => `Content-Length: ${oneOf('0', '2', '10', '-1', '1e9', '99999999999999999999', noise(5))}`,
    () => `Transfer-Encoding: ${oneOf('chunked', 'identity', 'gzip, chunked', noise(8))}`,
    () => `Connection: ${oneOf('close', 'keep-alive', 'upgrade', noise(8))}`,
    () => `Upgrade: ${oneOf('websocket', 'h2c')}`,
    () => `Expect: ${oneOf('100-continue', noise(8))}`,
    () => `Origin: ${oneOf('null', 'http://localhost', 'http://[', noise(20))}`,
    () => `Authorization: ${oneOf('Bearer x', 'Basic eDp4', noise(40))}`,
    () => `X-${'y'.repeat(below(300))}: ${'z'.repeat(below(10_000))}`,
    () => noise(60),
  )()

/** A request as HTTP has it, with something in it that the server has to refuse itself, now and then. */
const odd = (): Buffer => {
  const body = oneOf(...bodies, 'x'.repeat(below(40_000)))
  const headers = [
    ...[`Host: ${oneOf('127.0.0.1', '127.0.0.1', 'evil.example')}`, `Content-Length: ${body.length}`],
    ...(roll() < 0.7 ? ['Content-Type: application/json'] : []),
    ...(roll() < 0.1 ? [header()] : []),
  ]
  const line = `${oneOf('GET', 'HEAD', 'POST', 'POST', 'PUT')} ${oneOf(...paths.slice(0, 9))} HTTP/1.1`
  return Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

/** A request that is nearly one, or not at all. */
const malformed = (): Buffer => {
  if (roll() < 0.4) return odd()
  if (roll() < 0.1) return Buffer.from(noise(400), 'latin1')
  const path = `${oneOf(...paths)}${oneOf('', '?verbose', `?${noise(20)}`, noise(20), 'x'.repeat(below(20_000)))}`
  const line = `${oneOf(...methods, noise(8))} ${path} HTTP/${oneOf('1.1', '1.1', '1.1', '1.0', '2.0', '9', noise(4))}`
  const headers = [
    'Host: 127.0.0.1',
    ...Array.from({ length: below(6) }, header),
    ...(roll() < 0.02 ? Array(200).fill('A: b') : []),
  ]
  if (roll() < 0.5) headers.push('Content-Type: application/json')
  const body = oneOf(...bodies, noise(200), 'x'.repeat(below(40_000)))
  if (roll() < 0.5) headers.push(`Content-Length: ${body.length}`)
  const bytes = Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n${body}`, 'latin1')
  for (let flips = roll() < 0.3 ? below(4) : 0; flips > 0; flips--) bytes[below(bytes.length)] = below(256)
  return roll() < 0.1 ? bytes.subarray(0, below(bytes.length)) : bytes
}

/** Says that, and nothing more. Resolves with the status of every answer when the connection is over. */
const say = (port: number, bytes: Buffer): Promise<readonly number[]> =>
  new Promise((resolve) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => void socket.end(bytes))
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard = (heard + text).slice(-100_000)
      if (heard.includes('text/event-stream')) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      resolve([...heard.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status)))
    })
  })

test('ten thousand malformed requests end with no fault, no answer that tells of one, and no memory', async () => {
  const { port, url, lines } = await startAdmin()
  const statuses = new Map<number, number>()
  let left = REQUESTS
  let heapBefore = 0
  const speak = async (until: number): Promise<void> => {
    while (left > until) {
      left -= 1
      for (const status of await say(port, malformed())) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const together = (until: number) => Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => speak(until)))
  await together(REQUESTS - WARM_UP)
  collect()
  heapBefore = process.memoryUsage().heapUsed
  await together(0)
  collect()
  const grownMb = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([])
  // All that the server refuses itself was met, or the dice were too wild for the server's own code.
  for (const status of [200, 400, 403, 404, 405, 413, 415]) expect(statuses.get(status)).toBeGreaterThan(2)
  expect(lines.filter(({ level }) => level >= 50)).toEqual([])
  expect(grownMb).toBeLessThan(3)
  expect((await ask(url('/livez'))).status).toBe(200)
}, 180_000)
