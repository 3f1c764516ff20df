import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { brokers, committed, createTopic, produce, uniqueName } from '../../support/cluster/index.js'
import { BIN, Command, handlerIn } from '../../support/pool/command.js'

const DEADLINE_MS = 120_000
const TEST_MS = 300_000

/** Static members, so that nobody waits for those of a process that has died. */
const supervised = (handler: string, topic: string, group: string, ...more: string[]): Command =>
  new Command(process.execPath, [
    ...[BIN, 'run', '--supervise', '--handler', handler, '--brokers', brokers().join(','), '--topic', topic],
    ...['--group', group, '--group-instance-id', group, '--set', 'session.timeout.ms=20000'],
    ...['--workers', '1', '--from-beginning', ...more],
  ])

const topicWith = async (...values: readonly string[]): Promise<string> => {
  const topic = await createTopic({ partitions: 1, name: 'supervise' })
  await produce(
    topic,
    values.map((value) => ({ value, partition: 0 })),
  )
  return topic
}

/** Processes whose pool has started, in their order. */
const poolsOf = ({ lines }: Command): number[] => lines.flatMap(({ msg, pid }) => (msg === 'pool running' ? [pid] : []))

const untilRunning = (command: Command, times = 1): Promise<number> =>
  until(() => poolsOf(command)[times - 1], { what: `pool ${times} to run`, deadlineMs: DEADLINE_MS })

const restartsOf = ({ lines }: Command): string[] =>
  lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('the process of the pool '))

/** Notes what it handles in `FOLDER/done`, and does what the message says. */
const HANDLER = `
  import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
  import { setTimeout } from 'node:timers/promises'
  // What \`process.abort()\` is outside of a thread, and a fault of a native addon. The signal takes a moment.
  const abort = () => {
    process.kill(process.pid, 'SIGABRT')
    for (;;);
  }
  const deeds = {
    abort,
    'abort-once': () => {
      if (existsSync(FOLDER + '/aborted')) return
      writeFileSync(FOLDER + '/aborted', '')
      abort()
    },
    wait: async () => {
      writeFileSync(FOLDER + '/waits', '')
      while (!existsSync(FOLDER + '/go')) await setTimeout(20)
    },
    block: () => {
      writeFileSync(FOLDER + '/blocks', '')
      for (;;);
    },
  }
  export default async ({ offset, value }) => {
    await deeds[value.toString()]?.()
    appendFileSync(FOLDER + '/done', offset + ' ')
  }
`

const setUp = async (...values: readonly string[]) => {
  const { folder, handler } = handlerIn(HANDLER)
  const file = (name: string) => join(folder, name)
  return {
    ...{ handler, group: uniqueName('supervise'), topic: await topicWith(...values) },
    done: () => (existsSync(file('done')) ? readFileSync(file('done'), 'utf8').trim().split(' ') : []),
    go: () => writeFileSync(file('go'), ''),
    untilThere: (name: string) => until(() => existsSync(file(name)), { what: name, deadlineMs: DEADLINE_MS }),
  }
}

describe('kafka-consumer-pool run --supervise', () => {
  it(
    'starts the process again that a message has aborted, and nothing is lost; a signal is handed on, and the exit code is its',
    async () => {
      const { handler, topic, group, done } = await setUp('plain', 'plain', 'abort-once', 'plain')
      const command = supervised(handler, topic, group)
      await until(() => done().includes('3'), { what: 'the last message', deadlineMs: DEADLINE_MS })
      expect(restartsOf(command)).toEqual(['the process of the pool was ended by SIGABRT; it is started again now'])
      const [first, second] = [await untilRunning(command), await untilRunning(command, 2)]
      expect(new Set([first, second, command.child.pid]).size).toBe(3)
      command.child.kill('SIGTERM')
      expect({ exit: await command.exit, stderr: command.stderr }).toEqual({ exit: 0, stderr: '' })
      expect(await committed(group, topic)).toEqual(new Map([[0, 4n]]))
    },
    TEST_MS,
  )

  it(
    'gives up with 70 when it dies again and again, by the options of restart, and says so',
    async () => {
      const { handler, topic, group } = await setUp('abort')
      const restart = ['--set', 'restart.delayMs=10', '--set', 'restart.maxRestarts=3']
      const command = supervised(handler, topic, group, ...restart)
      expect(await command.exit).toBe(70)
      expect(restartsOf(command)).toHaveLength(2)
      expect(JSON.parse(command.stderr)).toMatchObject({
        level: 60,
        msg: expect.stringMatching(/^giving up: the process of the pool has died 3 times in a row, .* SIGABRT/),
      })
    },
    TEST_MS,
  )

  it(
    'starts a process again that was killed, and leaves none behind when it is killed itself: that one drains and ends',
    async () => {
      const { handler, topic, group, done, go, untilThere } = await setUp('plain', 'wait')
      const command = supervised(handler, topic, group)
      process.kill(await untilRunning(command), 'SIGKILL')
      await untilRunning(command, 2)
      await untilThere('waits')
      expect(restartsOf(command)).toEqual(['the process of the pool was ended by SIGKILL; it is started again now'])

      command.child.kill('SIGKILL')
      await command.logged('stopping: the process that supervises this one is gone')
      go()
      // Only when nobody has its output any more.
      expect(await command.exit).toBe('SIGKILL')
      expect(command.lines.at(-1)?.msg).toBe('pool stopped')
      expect(done()).toContain('1')
      expect(await committed(group, topic)).toEqual(new Map([[0, 2n]]))
    },
    TEST_MS,
  )

  it(
    'takes a Ctrl-C that reaches both processes for one, whenever it reaches which',
    async () => {
      const { handler, topic, group, done, go, untilThere } = await setUp('wait')
      const command = supervised(handler, topic, group)
      const pid = await untilRunning(command)
      await untilThere('waits')
      command.child.kill('SIGINT')
      await command.logged('stopping')
      const beganMs = performance.now()
      // For longer than one signal may come twice.
      await until(() => process.kill(pid, 'SIGINT') && performance.now() - beganMs > 1_000, { what: 'a second' })
      go()
      expect(await command.exit).toBe(0)
      expect(done()).toEqual(['0'])
    },
    TEST_MS,
  )

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ends both at once with a second %s (%i)',
    async (signal, code) => {
      const { handler, topic, group, untilThere } = await setUp('block')
      const command = supervised(handler, topic, group)
      await untilThere('blocks')
      command.child.kill(signal)
      await command.logged('stopping')
      const again = setInterval(() => command.child.kill(signal), 100)
      const sinceMs = performance.now()
      expect(await command.exit).toBe(code)
      clearInterval(again)
      expect(performance.now() - sinceMs).toBeLessThan(15_000) // a drain takes 25 s
    },
    TEST_MS,
  )

  it(
    'is not started again with a configuration that cannot be used, nor when its first start fails; a pool that gives up ends it',
    async () => {
      const misspelt = new Command(process.execPath, [BIN, 'run', '--supervise', '--set', 'sesion.timeout.ms=1'])
      expect(await misspelt.exit).toBe(1)
      expect(JSON.parse(misspelt.stderr).msg).toContain('Did you mean "session.timeout.ms"?')
      expect(misspelt.stdout).toBe('')

      const { handler, group, topic } = await setUp('plain')
      const missing = supervised(handler, 'no-such-topic', group)
      expect(await missing.exit).toBe(1)
      expect(JSON.parse(missing.stderr).msg).toMatch(/^KCP_TOPIC_MISSING: /)
      expect(restartsOf(missing)).toEqual([])

      // Of no message: one that kills is convicted, and the pool goes on.
      const exits = handlerIn(`
        import { existsSync } from 'node:fs'
        export const setup = () => {
          setInterval(() => existsSync(\`\${FOLDER}/go\`) && process.exit(3), 5)
        }
        export default () => {}
      `)
      const escalates = supervised(exits.handler, topic, group, '--set', 'restart.maxRestarts=1')
      await untilRunning(escalates)
      writeFileSync(join(exits.folder, 'go'), '')
      expect({ exit: await escalates.exit, stderr: escalates.stderr }).toEqual({ exit: 70, stderr: '' })
      expect(restartsOf(escalates)).toEqual([])
    },
    TEST_MS,
  )
})
