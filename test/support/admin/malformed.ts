/** The same numbers from 0 to 1 for the same seed (mulberry32). */
const dice = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI', 'get', '']

const PATHS = [
  ...['/livez', '/readyz', '/status', '/metrics', '/events'],
  ...['/pause', '/resume', '/seek', '/scale', '/recycle', '/log-level'],
  ...['/', '*', '', '//', '/%00', '/__proto__', '/constructor', '/../status', 'http://evil.example/status', '/ä'],
]

const BODIES = [
  ...['', '{}', 'null', '0', '"', '[]', '{"slot":0}', '{"level":"debug"}', '{"slots":2,"subscription":0}'],
  ...['{"topic":"orders","partition":0}', '{"topic":"orders","partitions":[1,2]}', '{"topic":"\\ud800","partition":1}'],
  ...['{"topic":"orders","partition":0,"to":"end"}', '{"topic":"orders","partition":0,"to":{"timestamp":1}}'],
  ...['{"__proto__":null,"slot":{}}', '{"constructor":{"prototype":{"topic":"x"}}}', '{"topic":"a","topic":{}}'],
  ...['{"toString":1,"slot":0}', '{"slots":1e999}', '{"slots":-0}', '\ufeff{"slot":0}', '{"topic":"\0"}'],
  ...[
    '['.repeat(5_000),
    '{"topic":'.repeat(1_500),
    `{"topic":"orders","partition":0,"to":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
  ],
  ...['5\r\n{"slo\r\n0\r\n\r\n', 'ffffffffffffffff\r\n', '-1\r\n\r\n', '2;ext=1\r\n{}\r\n0\r\nX: y\r\n\r\n'],
]

/** Requests as no client of HTTP would make them, and the same for the same seed. */
export const malformedRequests = (seed: number): (() => Buffer) => {
  const roll = dice(seed)
  const below = (limit: number): number => Math.floor(roll() * limit)
  const oneOf = <T>(...options: readonly T[]): T => options[below(options.length)] as T
  const noise = (length: number): string =>
    Buffer.from(Array.from({ length: below(length) }, () => below(256))).toString('latin1')
  const body = (): string => oneOf(oneOf(...BODIES), oneOf(...BODIES), noise(200), 'x'.repeat(below(40_000)))

  const header = (): string =>
    oneOf(
      () => `Host: ${oneOf('127.0.0.1', 'localhost', 'evil.example', '', '::1', '[::1]', '127.0.0.1:x', noise(20))}`,
      () => `Content-Type: ${oneOf('application/json', 'application/json;charset=utf-16', 'text/plain', noise(20))}`,
      () => `Content-Length: ${oneOf('0', '2', '10', '-1', '1e9', '99999999999999999999', '2, 2', noise(5))}`,
      () => `Transfer-Encoding: ${oneOf('chunked', 'identity', 'gzip, chunked', noise(8))}`,
      () => `Connection: ${oneOf('close', 'keep-alive', 'upgrade', noise(8))}`,
      () => `Upgrade: ${oneOf('websocket', 'h2c')}`,
      () => `Expect: ${oneOf('100-continue', noise(8))}`,
      () => `Origin: ${oneOf('null', 'http://localhost', 'http://127.0.0.1', 'http://[', noise(20))}`,
      () => `Sec-Fetch-Site: ${oneOf('cross-site', 'same-site', 'same-origin', 'none', noise(9))}`,
      () => `Authorization: ${oneOf('Bearer x', 'Basic eDp4', 'Bearer', noise(40))}`,
      () => `X-${'y'.repeat(below(300))}: ${'z'.repeat(below(10_000))}`,
      () => noise(60),
    )()

  /** One as HTTP has it, with something in it that the server has to refuse itself, now and then. */
  const odd = (): Buffer => {
    const content = Buffer.from(body())
    const headers = [
      ...[`Host: ${oneOf('127.0.0.1', '127.0.0.1', 'evil.example')}`, `Content-Length: ${content.length}`],
      ...(roll() < 0.8 ? ['Content-Type: application/json'] : []),
      ...(roll() < 0.1 ? [header()] : []),
    ]
    const method = oneOf('GET', 'HEAD', 'POST', 'POST', 'POST', 'PUT')
    const line = `${method} ${oneOf(...PATHS.slice(0, 12))}${oneOf('', '', '?verbose', '?partitions')} HTTP/1.1`
    return Buffer.concat([Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n`, 'latin1'), content])
  }

  /** One that is nearly a request, or not at all. */
  const broken = (): Buffer => {
    if (roll() < 0.1) return Buffer.from(noise(400), 'latin1')
    const path = `${oneOf(...PATHS)}${oneOf('', '?verbose', `?${noise(20)}`, noise(20), 'x'.repeat(below(20_000)))}`
    const version = oneOf('1.1', '1.1', '1.1', '1.0', '2.0', '9', noise(4))
    const content = body()
    const head = [
      `${oneOf(...METHODS, noise(8))} ${path} HTTP/${version}`,
      'Host: 127.0.0.1',
      ...Array.from({ length: below(6) }, header),
      ...(roll() < 0.02 ? Array(200 + below(3_000)).fill('A: b') : []),
      ...(roll() < 0.5 ? ['Content-Type: application/json'] : []),
      ...(roll() < 0.5 ? [`Content-Length: ${content.length}`] : []),
    ]
    const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${content}`, 'latin1')
    for (let flips = roll() < 0.3 ? below(4) : 0; flips > 0; flips--) bytes[below(bytes.length)] = below(256)
    return roll() < 0.1 ? bytes.subarray(0, below(bytes.length)) : bytes
  }

  const one = (): Buffer => (roll() < 0.5 ? odd() : broken())
  // Several at once: what comes behind is read before what is in front is answered.
  return () => (roll() < 0.15 ? Buffer.concat(Array.from({ length: 2 + below(6) }, one)) : one())
}
