import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { brokers, committed, createTopic, describeGroup, produce, uniqueName } from '../../support/cluster/index.js'
import { BIN, Command, handlerIn } from '../../support/pool/command.js'

const PARTITIONS = 4

const run = (handler: string, topic: string, group: string, ...more: string[]): Command =>
  new Command(process.execPath, [
    ...[BIN, 'run', '--handler', handler, '--brokers', brokers().join(','), '--topic', topic, '--group', group],
    ...['--workers', '2', '--from-beginning', ...more],
  ])

const topicWith = async (messages: number): Promise<string> => {
  const topic = await createTopic({ partitions: PARTITIONS, name: 'cli' })
  await produce(
    topic,
    Array.from({ length: messages }, (_, number) => ({ value: String(number), partition: number % PARTITIONS })),
  )
  return topic
}

const BUSY = 'const until = performance.now() + 5; while (performance.now() < until);'
const ENDLESS = 'export default () => { writeFileSync(FOLDER + "/begun", ""); for (;;); }'

describe('kafka-consumer-pool run', () => {
  it('drains at SIGTERM, exits 0, and everything that finished is committed', async () => {
    const topic = await topicWith(4_000)
    const group = uniqueName('cli')
    const { folder, handler } = handlerIn(`
      import { appendFileSync } from 'node:fs'
      export default ({ partition, offset }) => { ${BUSY} appendFileSync(FOLDER + '/done', partition + ' ' + offset + '\\n') }
    `)
    const command = run(handler, topic, group)
    const done = (): string[][] =>
      existsSync(join(folder, 'done'))
        ? readFileSync(join(folder, 'done'), 'utf8')
            .trim()
            .split('\n')
            .map((line) => line.split(' '))
        : []
    await until(() => done().length > 100, { what: 'a hundred messages', deadlineMs: 30_000 })

    command.child.kill('SIGTERM')
    expect(await command.exit).toBe(0)

    const next = new Map<number, bigint>()
    for (const [partition, offset] of done()) next.set(Number(partition), BigInt(offset ?? 0) + 1n)
    expect(done().length).toBeLessThan(4_000)
    expect(await committed(group, topic)).toEqual(new Map([...next].sort(([a], [b]) => a - b)))
    expect(command.lines.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['slot ready', 'pool running', 'pool stopped']),
    )
    expect(command.stderr).toBe('')
  })

  it('has as many workers as the work demands, within --workers, and says why', async () => {
    const topic = await topicWith(4_000)
    const { handler } = handlerIn(`
      import { setTimeout } from 'node:timers/promises'
      export default () => setTimeout(20)
    `)
    const limits = ['--workers', '1..3', '--set', 'scaling.catchUpMs=3000']
    const command = run(handler, topic, uniqueName('cli'), ...limits)
    const scaled = () => command.lines.filter(({ msg }) => msg === 'pool scaled')
    await until(() => scaled().length === 2, { what: 'three workers', deadlineMs: 40_000 })
    expect(scaled()).toMatchObject([
      { from: 1, to: 2, reason: 'lag', added: [1] },
      { from: 2, to: 3, reason: 'lag', added: [2] },
    ])
    command.child.kill('SIGTERM')
    expect(await command.exit).toBe(0)
  })

  it('consumes on when nobody reads any more what it and its handlers print', async () => {
    const topic = await topicWith(400)
    const group = uniqueName('cli')
    const { folder, handler } = handlerIn(`
      import { appendFileSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      export default async ({ offset }) => {
        await setTimeout(5)
        console.log(offset)
        console.error(offset)
        appendFileSync(FOLDER + '/done', '.')
      }
    `)
    const command = run(handler, topic, group)
    const done = (): number => (existsSync(join(folder, 'done')) ? readFileSync(join(folder, 'done')).length : 0)
    await until(() => done() > 0, { what: 'the first messages', deadlineMs: 30_000 })
    command.child.stdout.destroy()
    command.child.stderr.destroy()
    await until(() => done() >= 400, { what: 'the last messages', deadlineMs: 30_000 })
    command.child.kill('SIGTERM')
    expect(await command.exit).toBe(0)
    expect([...(await committed(group, topic)).values()]).toEqual([100n, 100n, 100n, 100n])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('a second %s ends it at once with %i, even with handlers that never come back', async (signal, code) => {
    const topic = await topicWith(8)
    const { folder, handler } = handlerIn(`import { writeFileSync } from 'node:fs'; ${ENDLESS}`)
    const command = run(handler, topic, uniqueName('cli'))
    await until(() => existsSync(join(folder, 'begun')), { what: 'the handler', deadlineMs: 30_000 })
    command.child.kill(signal)
    await command.logged('stopping')
    const since = performance.now()
    // One that comes at the same moment as the first is the same.
    const again = setInterval(() => command.child.kill(signal), 100)
    expect(await command.exit).toBe(code)
    clearInterval(again)
    expect(performance.now() - since).toBeLessThan(5_000)
  })

  it('a signal while it starts is a stop like any other', async () => {
    const { handler } = handlerIn('export default () => {}')
    // Nobody listens there, so the start goes on for a while.
    const command = new Command(process.execPath, [
      ...[BIN, 'run', '--handler', handler, '--brokers', '127.0.0.1:1', '--topic', 't', '--group', 'g'],
      ...['--set', 'retry.retries=60', '--log-level', 'debug'],
    ])
    await until(() => command.lines.length > 0, { what: 'the first log line' })
    command.child.kill('SIGINT')
    expect(await command.exit).toBe(0)
  })

  it('a signal while a handler loads leaves no static member behind', async () => {
    const topic = await topicWith(0)
    const group = uniqueName('cli')
    const { folder, handler } = handlerIn(`
      import { writeFileSync } from 'node:fs'
      writeFileSync(FOLDER + '/importing', '')
      await new Promise((resolve) => setTimeout(resolve, 600_000))
      export default () => {}
    `)
    const command = run(handler, topic, group, '--group-instance-id', 'node', '--set', 'session.timeout.ms=120000')
    await until(() => existsSync(join(folder, 'importing')), { what: 'the import', deadlineMs: 30_000 })
    command.child.kill('SIGINT')
    expect(await command.exit).toBe(0)
    expect((await describeGroup(group)).members).toEqual([])
  })

  it('a topic that does not exist ends the start with 1 and one message', async () => {
    const { handler } = handlerIn('export default () => {}')
    const command = run(handler, 'no-such-topic', uniqueName('cli'))
    expect(await command.exit).toBe(1)
    // Piped, it is a line like those of the log.
    expect(JSON.parse(command.stderr)).toMatchObject({
      level: 60,
      msg: expect.stringMatching(/^KCP_TOPIC_MISSING: .*no-such-topic/),
      err: { code: 'KCP_TOPIC_MISSING' },
    })
  })

  it('a handler that throws when it is imported ends the start with 1 and its message', async () => {
    const topic = await topicWith(0)
    const { handler } = handlerIn('throw new Error("no database here")')
    const command = run(handler, topic, uniqueName('cli'))
    expect(await command.exit).toBe(1)
    expect(JSON.parse(command.stderr)).toMatchObject({
      msg: expect.stringMatching(/^KCP_HANDLER_THREW_ON_IMPORT: .*no database here$/),
    })
  })

  it('a pool of which every partition stands still, and was tried again in vain, ends with 70', async () => {
    const topic = await topicWith(PARTITIONS)
    const { handler } = handlerIn('export default () => { throw new Error("no database") }')
    const retry = ['--set', 'retry.attempts=1', '--set', 'retry.initialPauseMs=1000']
    const command = run(handler, topic, uniqueName('cli'), ...retry)
    expect({ exit: await command.exit, stderr: command.stderr }).toEqual({ exit: 70, stderr: '' })
    expect(command.lines.filter(({ msg }) => /stands still at offset 0/.test(msg)).length).toBeGreaterThan(PARTITIONS)
  })

  it('a pool that cannot heal itself ends with 70; file and command line share the options', async () => {
    const topic = await topicWith(0)
    // Of no message: one that kills is convicted, and the pool goes on.
    const { folder } = handlerIn(`
      import { existsSync } from 'node:fs'
      export const setup = () => {
        setInterval(() => existsSync(\`\${FOLDER}/go\`) && process.exit(3), 5)
      }
      export default () => {}
    `)
    const config = join(folder, 'pool.config.json')
    const fromFile = {
      kafka: { brokers: ['127.0.0.1:1'] },
      consumer: { 'group.id': 'from-file', sessionTimeout: 9_000 },
      restart: { delayMs: 10, maxDelayMs: 20, maxRestarts: 50 },
      topics: [topic],
      handler: './handler.mjs',
      fromBeginning: true,
    }
    writeFileSync(config, JSON.stringify(fromFile))
    const command = new Command(process.execPath, [
      ...[BIN, 'run', '--config', config, '--workers', '1', '--brokers', brokers().join(',')],
      ...['--group', uniqueName('cli'), '--set', 'restart.maxRestarts=2', '--set', 'session.timeout.ms=12000'],
    ])
    await command.logged('pool running')
    writeFileSync(join(folder, 'go'), '')
    expect({ exit: await command.exit, stderr: command.stderr }).toEqual({ exit: 70, stderr: '' })
    const messages = command.lines.map(({ msg }) => msg)
    expect(messages.filter((msg) => msg === 'slot crashed')).toHaveLength(2)
    expect(messages).toEqual(expect.arrayContaining(['pool escalated', 'pool stopped']))
  })

  it.each([
    [['run'], '--handler, --brokers, --topic, --group are missing'],
    [['run', '--wrokers', '2'], "unknown option '--wrokers' (Did you mean one of --brokers, --workers?) (kafka"],
    [['run', '--workers', 'two'], 'Expected a whole number from 1'],
    [['run', '--workers', '1e1'], 'Expected a whole number from 1'],
    [['run', '--set', 'sesion.timeout.ms=1'], 'Did you mean "session.timeout.ms"?'],
    [['run', '--config', 'no-such-file.json'], 'no-such-file.json does not exist'],
    [['walk'], "unknown command 'walk'"],
  ])('%j is refused with what is wrong, piped in a line like those of the log', async (args, why) => {
    const command = new Command(process.execPath, [BIN, ...args])
    expect(await command.exit).toBe(1)
    expect(JSON.parse(command.stderr)).toMatchObject({ level: 60, name: 'kafka-consumer-pool' })
    expect(JSON.parse(command.stderr).msg).toContain(why)
    expect(command.stdout).toBe('')
  })

  it('says how it is used, and which version it is', async () => {
    const help = new Command(process.execPath, [BIN, 'run', '--help'])
    expect(await help.exit).toBe(0)
    expect(help.stdout).toMatch(/Usage: kafka-consumer-pool run .*Examples:.*Exit codes:/s)
    const version = new Command(process.execPath, [BIN, '--version'])
    expect(await version.exit).toBe(0)
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('a logger of the configuration file that is none is refused with all other faults', async () => {
    const { folder } = handlerIn('')
    const config = join(folder, 'pool.config.mjs')
    writeFileSync(config, 'export default { logger: console, workers: 0 }')
    const command = new Command(process.execPath, [BIN, 'run', '--config', config])
    expect(await command.exit).toBe(1)
    expect(JSON.parse(command.stderr).err.issues.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['logger', 'workers', 'kafka.brokers']),
    )
  })

  // util-linux's `script` gives a command a terminal.
  const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false

  it.skipIf(!hasTerminal).each([
    [
      'a start that fails',
      '--config no-such-file.json',
      /^kafka-consumer-pool: KCP_CONFIG_INVALID: .*no-such-file\.json does/,
    ],
    ['a wrong usage', '--set retry=3', /^error: --set retry: .*\r\n\(kafka-consumer-pool run --help says more\)\r\n$/],
  ])('on a terminal %s is told in words', async (_, args, said) => {
    const line = `exec ${process.execPath} ${BIN} run ${args}`
    const command = new Command('script', ['-qec', line, '/dev/null'], { SHELL: '/bin/sh' })
    expect(await command.exit).toBe(1)
    expect(command.stdout).toMatch(said)
  })

  it.skipIf(!hasTerminal)('has lines for people and a live status on a terminal, and stops at Ctrl-C', async () => {
    const topic = await topicWith(100)
    const { handler } = handlerIn(
      `export default (message) => { ${BUSY} if (message.offset === '3') console.log('hello') }`,
    )
    const flags = `--handler ${handler} --brokers ${brokers().join(',')} --topic ${topic} --group ${uniqueName('cli')}`
    const line = `stty cols 120; exec ${process.execPath} ${BIN} run ${flags} --workers 2 --from-beginning`
    const command = new Command('script', ['-qec', line, '/dev/null'], {
      NO_COLOR: '1',
      TERM: 'xterm',
      SHELL: '/bin/sh',
    })
    const settled = /running {2}2\/2 slots {2}0 msg\/s {2}lag 0 {2}restarts 0 {2}rebalances \d {2}handled 100/
    await until(() => settled.test(command.stdout), { what: 'the status line', deadlineMs: 30_000 })
    command.child.stdin.write('\u0003')
    expect(await command.exit).toBe(0)
    expect(command.stdout).toMatch(/\d\d:\d\d:\d\d\.\d{3} INFO {2}slot 1 {2}slot ready {2}/)
    // Whatever else was written begins in the first column, and the status is gone in the end.
    expect(command.stdout).toMatch(/(?:\n|\[K)hello\r?\n/)
    expect(command.stdout.split('\u001b[K').slice(-2)).toEqual([
      expect.stringMatching(/ pool stopped {2}afterMs=\d+\r\n/),
      '',
    ])
  })
})
