import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { type LoggerOptions, pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { lowestLevel, STANDARD } from '#src/telemetry/levels.js'
import { createLogger, relay } from '#src/telemetry/logger.js'
import { loggerFault } from '#src/telemetry/logger-fault.js'

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
  it("writes with the user's pino instance, at whatever level it has by then", () => {
    const { log: own, lines } = recording({ level: 'warn' })
    const log = createLogger(own)
    log.info('quiet')
    own.level = 'info'
    log.child({ slot: 1 }).info({ a: 1 }, 'said %s', 'so')
    expect(lines).toMatchObject([{ level: 30, slot: 1, a: 1, msg: 'said so' }])
    expect([log.level, log.isLevelEnabled('debug')]).toEqual(['info', false])
  })

  it('takes another level, and so do loggers that it has made', () => {
    const { log: own, lines } = recording({ level: 'warn' })
    const log = createLogger(own)
    const child = log.child({ slot: 1 })
    log.level = 'debug'
    child.level = 'debug'
    log.debug('said')
    child.debug('said')
    expect(lines).toMatchObject([{ level: 20 }, { level: 20, slot: 1 }])
    expect([own.level, log.level, child.level, lowestLevel(log)]).toEqual(Array(4).fill('debug'))
    log.level = 'silent'
    log.fatal('unheard')
    expect(lines).toHaveLength(2)
  })

  it('writes an error with its cause in it, not with the messages of both behind each other', () => {
    const lines: Record<string, unknown>[] = []
    const log = createLogger({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) })
    log.error({ err: new Error('outer', { cause: new TypeError('inner') }) })
    expect(lines).toMatchObject([{ err: { message: 'outer', cause: { type: 'TypeError', message: 'inner' } } }])
  })

  it('counts an option that is undefined as left out', () => {
    expect(createLogger({ level: undefined } as unknown as LoggerOptions).level).toBe('info')
  })

  it('says what pino does not want', () => {
    const options = { level: 'info', useOnlyCustomLevels: true, customLevels: { loud: 35 } }
    expect(() => createLogger(options)).toThrow(/^Option logger: pino does not want these options: .*info/)
  })

  it('lets nothing through that the code of the user throws, and warns of it once', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const mixin = (): object => {
      throw new TypeError('no request here')
    }
    for (const logger of [{ mixin }, recording({ mixin }).log]) {
      const log = createLogger(logger)
      for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]('one')
      log.child({ slot: 1 }).error(new Error('two'))
    }
    await new Promise(setImmediate)
    process.off('warning', note)
    expect(warnings.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringContaining('no request here')))
  })

  it('outlives a logger whose child or isLevelEnabled throws', () => {
    const throws = (): never => {
      throw new Error('broken')
    }
    const own = Object.assign(Object.create(recording().log), { child: throws, isLevelEnabled: throws })
    const log = createLogger(own)
    expect(() => log.child({ slot: 1 }).info('still here')).not.toThrow()
    expect(log.isLevelEnabled('info')).toBe(true)
  })

  it('outlives a logger that fails only later, and one whose child lacks what it has itself', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const sendsElsewhere = recording({ level: 'silent' }).log
    for (const level of STANDARD) sendsElsewhere[level] = () => Promise.reject(new Error('no way to get there'))
    createLogger(sendsElsewhere).info('one')
    const poor = Object.assign(Object.create(recording().log), { child: () => ({ info: () => {} }) })
    expect(() => createLogger(poor).child({ slot: 1 }).debug('two')).not.toThrow()
    await new Promise(setImmediate)
    process.off('warning', note)
    const told = warnings.map(({ message }) => message).join('\n')
    expect(told).toMatch(/child\(\) returned has no debug\(\)/)
    expect(told).toMatch(/no way to get there/)
  })

  it('outlives a transport that fails, which nobody else could notice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcp-logger-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const target = join(folder, 'transport.mjs')
    writeFileSync(target, `throw new Error('no transport today')`)
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const log = createLogger({ transport: { target } })
    expect((await warned).message).toContain('no transport today')
    expect(() => log.info('one')).not.toThrow()
  })

  it.skipIf(!existsSync('/dev/full'))(
    'lets a process go on and end whose log is on a full disk',
    async () => {
      const code = `
      const { createLogger } = await import(process.argv[1])
      const log = createLogger(undefined)
      process.on('warning', ({ message }) => {
        for (let line = 0; line < 20; line++) log.info({ filling: 'x'.repeat(100_000) })
        console.error(message)
      })
      log.info('one')
    `
      const logger = fileURLToPath(import.meta.resolve('#src/telemetry/logger.js'))
      const args = ['--input-type=module', '--no-warnings', '-e', code, logger]
      const full = openSync('/dev/full', 'w')
      onTestFinished(() => closeSync(full))
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', full, 'pipe'],
        timeout: 20_000,
        killSignal: 'SIGKILL',
      })
      let said = ''
      child.stderr?.on('data', (chunk) => (said += chunk))
      const [exitCode] = await once(child, 'close')
      expect([exitCode, said]).toEqual([0, expect.stringContaining('ENOSPC')])
    },
    30_000,
  )

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

describe('option logger', () => {
  const nothing = (): void => {}
  /** As winston makes them: no fatal, no trace, and levels that are something else. */
  const winston = { child: nothing, log: nothing, error: nothing, warn: nothing, info: nothing, debug: nothing }

  it.each<[string, unknown, RegExp]>([
    ['an unknown level', { level: 'loud' }, /^expected one of trace, debug, .*silent, got "loud"$/],
    ['a level of null', { level: null }, /^expected one of .*, got null$/],
    [
      'a level that others have',
      { level: 'info', useOnlyCustomLevels: true, customLevels: { a: 1 } },
      /one of a, silent/,
    ],
    ['the console', console, /^is the console.*pino-pretty/],
    ['something like winston', winston, /^is no pino logger: it has no fatal\(\), trace\(\)\. Give a pino logger/],
    ['a logger without children', { info: nothing, error: nothing }, /it has no child\(\)/],
    ['pino itself', pino, /Call it/],
    ['a level alone', 'debug', /write \{ level: "debug" \}/],
    ['null', null, /got null/],
    ['a list', [], /got an array/],
  ])('is refused at once when it is %s', (_, logger, message) => {
    expect(loggerFault(logger)?.message).toMatch(message)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['options', { level: 'WARN', base: null }],
    ['options without a level', { level: undefined }],
    ['options with a level of their own', { level: 'audit', customLevels: { audit: 35 } }],
    ['silence', { level: 'silent' }],
    ['a pino logger', pino({ level: 'silent' })],
    ['one with levels of its own', recording({ level: 'a', useOnlyCustomLevels: true, customLevels: { a: 1 } }).log],
    // Bunyan has pino's levels and its way of being called.
    [
      'one that can be called like pino',
      { ...Object.fromEntries(['child', ...STANDARD].map((name) => [name, nothing])) },
    ],
  ])('may be %s', (_, logger) => {
    expect(loggerFault(logger)).toBeNull()
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
