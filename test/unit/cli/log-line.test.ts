import { pino, stdSerializers } from 'pino'
import { describe, expect, it } from 'vitest'
import { formatLogLine } from '#src/cli/log-line.js'
import { inColor, plain } from '#src/cli/paint.js'
import { PoolError } from '#src/errors.js'

const atNoon = new Date(2026, 0, 2, 12, 30, 5, 7).getTime()

/** What the command shows of a line that pino writes. */
const shown = (log: (logger: ReturnType<typeof pino>) => void, paint = plain): string => {
  const lines: string[] = []
  const options = {
    level: 'trace',
    name: 'kafka-consumer-pool',
    serializers: { err: stdSerializers.errWithCause },
    timestamp: () => `,"time":${atNoon}`,
  }
  log(pino(options, { write: (text: string) => lines.push(text) }))
  return formatLogLine(lines.join(''), paint)
}

describe('a log line for people', () => {
  it('has local time, level, slot, message and the fields', () => {
    expect(shown((log) => log.info({ slot: 3, afterMs: 17, by: 'handover' }, 'slot recovered'))).toBe(
      '12:30:05.007 INFO  slot 3  slot recovered  afterMs=17 by=handover\n',
    )
  })

  it('keeps the column of the slot free for lines that are about none', () => {
    expect(shown((log) => log.warn('watch out'))).toBe('12:30:05.007 WARN          watch out\n')
  })

  it('writes a message of a topic as people write it', () => {
    expect(shown((log) => log.info({ topic: 'orders', partition: 5, offset: '27', bytes: 4 }, 'got'))).toContain(
      'got  orders-5@27 bytes=4\n',
    )
    const inFlight = [{ topic: 'orders', partition: 1, offset: '9', attempt: 1 }]
    expect(shown((log) => log.info({ inFlight }, 'crashed'))).toContain('inFlight=[orders-1@9]')
  })

  it('leaves out what is empty and what is long, except when debugging', () => {
    const fields = { memberId: 'a-very-long-id', instanceId: null, list: [], clientId: 'c' }
    expect(shown((log) => log.info(fields, 'joined'))).toContain('joined  clientId=c\n')
    expect(shown((log) => log.debug(fields, 'joined'))).toContain('joined  memberId=a-very-long-id clientId=c\n')
  })

  it('quotes values that are not one word', () => {
    expect(shown((log) => log.info({ why: 'two words', deep: { a: 1 } }, 'm'))).toContain(
      'why="two words" deep={"a":1}',
    )
  })

  it('shows an error below, with its stack', () => {
    const text = shown((log) => log.error({ err: new TypeError('no such thing') }, 'failed'))
    expect(text.split('\n')[1]?.trim()).toBe('TypeError: no such thing')
    expect(text.split('\n')[2]).toMatch(/^ +at .*log-line.test/)
  })

  it('shows an error of ours without its stack, but with the cause and the stack of that', () => {
    const err = new PoolError('KCP_THREAD_CRASHED', 'the thread threw', { cause: new Error('boom') })
    const [, said, cause, frame] = shown((log) => log.error({ err }, 'slot crashed')).split('\n')
    expect([said?.trim(), cause?.trim()]).toEqual(['KCP_THREAD_CRASHED: the thread threw', 'caused by Error: boom'])
    expect(frame).toMatch(/^ +at /)
  })

  it('lets nothing that came in a message steer the terminal', () => {
    const text = shown((log) =>
      log.info({ slot: 0, evil: '\u001b[2J', topic: '\u009b2J', partition: 0 }, '\u001b]0;title\u0007'),
    )
    expect(text).toContain('\\x1b]0;title\\x07')
    expect(text.slice(0, -1)).toMatch(/^\P{Cc}*$/u)
  })

  it('indents the further lines of a message', () => {
    expect(shown((log) => log.info('one\ntwo'))).toMatch(/one\n {13}two\n$/)
  })

  it('has colours where they are wanted', () => {
    expect(shown((log) => log.error('bad'), inColor)).toContain('\u001b[31mERROR\u001b[39m')
  })

  it('is the line itself when that is no JSON', () => {
    expect(formatLogLine('plain text\n', plain)).toBe('plain text\n')
    expect(formatLogLine('[1]\n', plain)).toBe('[1]\n')
  })
})
