import fc from 'fast-check'
import { type LoggerOptions, pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { lowestLevel } from '#src/telemetry/levels.js'
import { createLogger, relay } from '#src/telemetry/logger.js'

/** A user's logger and what it has written. */
const recording = (options: LoggerOptions = {}) => {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level: 'trace', base: null, ...options },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  )
  return { log, lines }
}

/** What a thread's logger writes. */
const threadLine = (write: (log: pino.Logger) => void): string => {
  let text = ''
  write(pino({ level: 'trace' }, { write: (line: string) => (text += line) }).child({ slot: 1, incarnation: 4 }))
  return text
}

describe('createLogger', () => {
  it("takes the user's pino instance as it is", () => {
    const { log } = recording()
    expect(createLogger(log)).toBe(log)
  })

  it('takes pino options, over its own', () => {
    expect(createLogger({ level: 'debug' }).level).toBe('debug')
    expect(createLogger(undefined).level).toBe('info')
    expect(createLogger(undefined).bindings()).toMatchObject({ name: 'kafka-consumer-pool' })
  })

  it("puts one that has all of pino's levels in front of a logger that has levels of its own only", () => {
    const customLevels = { chatter: 15, notice: 35, alarm: 60 }
    const { log: own, lines } = recording({ useOnlyCustomLevels: true, customLevels, level: 'notice' })
    const log = createLogger(own.child({ app: 'orders' }))
    log.child({ slot: 1 }).info('quiet')
    log.child({ slot: 1 }).warn({ err: new TypeError('boom') }, 'loud')
    log.fatal('worst')
    expect(lines).toMatchObject([
      { level: 35, app: 'orders', slot: 1, msg: 'loud', err: { type: 'TypeError', message: 'boom' } },
      { level: 60, app: 'orders', msg: 'worst' },
    ])
  })
})

describe('the lowest level that a thread need send', () => {
  it.each<[string, LoggerOptions, string]>([
    ['is the level itself when pino has it', { level: 'warn' }, 'warn'],
    ['is silent when nothing is written', { level: 'silent' }, 'silent'],
    ['is the next one above a level of the user', { level: 'audit', customLevels: { audit: 35 } }, 'warn'],
    [
      'is the lowest that is written with levels of his own',
      { level: 'b', useOnlyCustomLevels: true, customLevels: { a: 5, b: 25, c: 45 } },
      'info',
    ],
    [
      'goes by the names when they mean other numbers',
      {
        level: 'info',
        useOnlyCustomLevels: true,
        customLevels: { error: 1, info: 2, debug: 3 },
        levelComparison: 'DESC',
      },
      'info',
    ],
  ])('%s', (_, options, expected) => {
    expect(lowestLevel(recording(options).log)).toBe(expected)
  })

  it('is all when a logger does not say', () => {
    const { error, info } = recording().log
    expect(lowestLevel({ error, info } as unknown as pino.Logger)).toBe('info')
  })
})

describe('relay', () => {
  it.each([
    'trace',
    'debug',
    'info',
    'warn',
    'error',
    'fatal',
  ] as const)('keeps level %s, bindings and text', (level) => {
    const { log, lines } = recording()
    relay(
      log.child({ app: 'orders' }),
      threadLine((thread) => thread[level]({ topic: 't', name: 'n' }, 'said 100%')),
    )
    const expected = {
      level: log.levels.values[level],
      app: 'orders',
      slot: 1,
      incarnation: 4,
      topic: 't',
      name: 'n',
    }
    expect(lines).toEqual([{ ...expected, msg: 'said 100%', time: expect.any(Number) }])
  })

  it('keeps an error with its stack', () => {
    const { log, lines } = recording()
    relay(
      log,
      threadLine((thread) => thread.error(new TypeError('boom'))),
    )
    expect(lines[0]).toMatchObject({
      msg: 'boom',
      err: { type: 'TypeError', message: 'boom', stack: expect.any(String) },
    })
  })

  it("respects the user's own level, message key and custom levels", () => {
    const { log, lines } = recording({ level: 'warn', messageKey: 'message', customLevels: { audit: 35 } })
    relay(
      log,
      threadLine((thread) => thread.info('quiet')),
    )
    relay(
      log,
      threadLine((thread) => thread.warn('loud')),
    )
    relay(log, JSON.stringify({ level: 45, msg: 'between' }))
    expect(lines.map(({ message, level }) => [message, level])).toEqual([
      ['loud', 40],
      ['between', 40],
    ])
  })

  it('writes what is no log line as a warning', () => {
    const { log, lines } = recording()
    for (const line of ['oops {', '[]', 'null', '3']) relay(log, line)
    expect(lines.map(({ level, line }) => [level, line])).toEqual(
      ['oops {', '[]', 'null', '3'].map((line) => [40, line]),
    )
  })

  it('never throws, whatever the line and however broken the logger', () => {
    const broken = pino({
      level: 'trace',
      hooks: {
        logMethod: () => {
          throw new Error('full disk')
        },
      },
    })
    const { log } = recording()
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        relay(log, line)
        relay(broken, line)
      }),
    )
  })
})
