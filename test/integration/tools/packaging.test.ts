import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokers, committed, createTopic, produce, uniqueName } from '../../support/cluster/index.js'
import { Command } from '../../support/pool/command.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const execute = promisify(execFile)
/** What the package is made of, all by itself. */
const SOURCES = [
  'package.json',
  'tsconfig.json',
  'src',
  'workers',
  'scripts',
  'docs',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
]

const INSTALLED = 'node_modules/kafka-consumer-pool'

let temporary = ''
let project = ''
let packed: readonly string[] = []

/** Runs a program in the new project; a failure shows everything that it printed. */
const run = async (command: string, args: readonly string[], cwd = project): Promise<string> => {
  try {
    return (await execute(command, [...args], { cwd, timeout: 100_000, maxBuffer: 16 * 1024 * 1024 })).stdout
  } catch (error) {
    const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string }
    throw new Error(`${message}\n${stdout}${stderr}`, { cause: error })
  }
}

const write = (files: Readonly<Record<string, string>>): Promise<unknown> =>
  Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(project, name), text)))

/** Not where the other tests run: `prepack` empties `dist`. */
const checkOut = async (): Promise<string> => {
  const copy = join(temporary, 'checkout')
  for (const name of SOURCES) await cp(join(root, name), join(copy, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  const old = join(copy, 'dist/src/control')
  await mkdir(old, { recursive: true })
  await writeFile(join(old, 'moved.js'), '// the output of a file that is somewhere else now')
  return copy
}

beforeAll(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), 'packaging-')))
  project = join(temporary, 'project')
  await mkdir(project)
  const quietly = ['--json', '--foreground-scripts=false']
  const printed = await run('npm', ['pack', ...quietly, '--pack-destination', project], await checkOut())
  const [tarball] = JSON.parse(printed) as [{ filename: string; files: { path: string }[] }]
  packed = tarball.files.map(({ path }) => path)
  await write({ 'package.json': JSON.stringify({ name: 'stranger', private: true, type: 'module' }) })
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...quiet, join(project, tarball.filename)])
}, 240_000)

afterAll(() => rm(temporary, { recursive: true, force: true }))

test('the package holds the code, compiled and as it was written, and its texts, and nothing of tests, scripts, state or files that were moved', () => {
  for (const file of [
    'package.json',
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'dist/src/index.js',
    'dist/src/index.d.ts',
  ]) {
    expect(packed).toContain(file)
  }
  expect(packed).toContain('dist/threads/consumer.js')
  expect(packed).toContain('dist/src/control/pool.js')
  expect(packed).not.toContain('dist/src/control/moved.js')
  expect(packed.filter((path) => /^(test|scripts|bench)\/|^dist\/scripts|tsbuildinfo/.test(path))).toEqual([])
})

test('every source map leads to a file of the package', async () => {
  const maps = packed.filter((path) => path.endsWith('.map'))
  expect(maps).toContain('dist/workers/entry.cjs.map')
  const lost = maps.map(async (map) => {
    const { sources } = JSON.parse(await readFile(join(project, INSTALLED, map), 'utf8')) as { sources: string[] }
    return sources.map((source) => posix.join(dirname(map), source)).filter((source) => !packed.includes(source))
  })
  expect((await Promise.all(lost)).flat()).toEqual([])
})

test('a plain JavaScript project consumes messages with the installed package', async () => {
  const topic = await createTopic({ partitions: 2 })
  const groupId = uniqueName('packaging')
  await produce(
    topic,
    Array.from({ length: 10 }, (_, n) => ({ partition: n % 2, value: String(n) })),
  )
  await write({
    'handler.js': `
      import { appendFileSync } from 'node:fs'
      export default (message) => appendFileSync(new URL('./handled.txt', import.meta.url), message.value + '\\n')
    `,
    'main.js': `
      import { setTimeout as sleep } from 'node:timers/promises'
      import { ConsumerPool } from 'kafka-consumer-pool'
      const pool = new ConsumerPool({
        kafka: { brokers: ${JSON.stringify(brokers())} },
        consumer: { groupId: '${groupId}' },
        workers: 1,
        topics: ['${topic}'],
        handler: new URL('./handler.js', import.meta.url),
        fromBeginning: true,
        logger: { level: 'error' },
      })
      await pool.start()
      const end = performance.now() + 30_000
      while (pool.status().totals.finished < 10 && performance.now() < end) await sleep(20)
      await pool.stop()
      console.log('finished ' + pool.status().totals.finished)
    `,
  })
  expect(await run(process.execPath, ['main.js'])).toContain('finished 10\n')
  const handled = (await readFile(join(project, 'handled.txt'), 'utf8')).trimEnd().split('\n')
  expect(handled.map(Number).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(await committed(groupId, topic)).toEqual(new Map([0, 1].map((partition) => [partition, 5n])))
})

/** The code in the README, by its language and something that it has. */
const snippet = async (language: string, has: string): Promise<string> => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/```(\w+)\n(.*?)```/gs)].filter(([, word]) => word === language)
  const found = blocks.map(([, , code = '']) => code).find((code) => code.includes(has))
  if (found === undefined) throw new Error(`the README has no ${language} with ${has}`)
  return found
}

test('the first snippets of the README run as they stand, also where files are CommonJS unless they say otherwise', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'v' }])
  const folder = join(project, 'first')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'commonjs' }))
  await writeFile(join(folder, 'handler.mjs'), await snippet('js', 'export default'))
  const shown = (await snippet('console', 'npx kafka-consumer-pool run')).replace(/^\$ npx /, '').trim()
  const line = shown
    .replace('127.0.0.1:9092', brokers().join(','))
    .replace('--topic orders', `--topic ${topic}`)
    .replace('--group orders', `--group ${uniqueName('readme')}`)
  const bin = join(project, 'node_modules', '.bin')
  const command = new Command('sh', ['-c', `cd ${folder} && exec ${bin}/${line} --log-level debug`])
  await command.logged('hashed')
  command.child.kill('SIGTERM')
  expect({ exit: await command.exit, stderr: command.stderr }).toEqual({ exit: 0, stderr: '' })
})

// Node 20 can `require` ES modules from 20.19 on.
const canRequire = (process.features as { readonly require_module?: boolean }).require_module === true

test.skipIf(!canRequire)('a CommonJS project requires the package, in its program and in its handlers', async () => {
  const topics = await Promise.all([createTopic({ partitions: 1 }), createTopic({ partitions: 1 })])
  const groupId = uniqueName('packaging')
  for (const topic of topics) await produce(topic, [{ partition: 0, value: 'v' }])
  await write({
    'required.cjs': `
      const { NonRetriableError } = require('kafka-consumer-pool')
      if (require('kafka-consumer-pool/handler').NonRetriableError !== NonRetriableError) throw new Error('two classes')
      module.exports = (message) => { if (message.value === null) throw new NonRetriableError('no value') }
    `,
    'imported.mjs': `
      import { NonRetriableError } from 'kafka-consumer-pool'
      import * as light from 'kafka-consumer-pool/handler'
      if (light.NonRetriableError !== NonRetriableError) throw new Error('two classes')
      export default (message) => { if (message.value === null) throw new NonRetriableError('no value') }
    `,
    'main.cjs': `
      const { ConsumerPool } = require('kafka-consumer-pool')
      const consume = async (subscriptions) => {
        const pool = new ConsumerPool({
          kafka: { brokers: ${JSON.stringify(brokers())} },
          consumer: { groupId: '${groupId}' },
          workers: 1,
          subscriptions,
          fromBeginning: true,
          logger: { level: 'error' },
        })
        await pool.start()
        const end = performance.now() + 30_000
        while (pool.status().totals.finished < subscriptions.length && performance.now() < end) {
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        await pool.stop()
        console.log('finished ' + pool.status().totals.finished)
      }
      const required = { topics: ['${topics[0]}'], handler: './required.cjs' }
      const imported = { topics: ['${topics[1]}'], handler: './imported.mjs' }
      consume([required]).then(() => consume([{ ...required, consumer: { groupId: '${groupId}-2' } }, imported]))
    `,
  })
  expect(await run(process.execPath, ['main.cjs'])).toMatch(/finished 1\n(?:.*\n)*finished 2\n/)
})

test('a strict TypeScript project compiles a handler and a pool against the installed types', async () => {
  await mkdir(join(project, 'node_modules', '@types'), { recursive: true })
  await symlink(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'))
  await symlink(join(root, 'node_modules', 'undici-types'), join(project, 'node_modules', 'undici-types'))
  await write({
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        strict: true,
        exactOptionalPropertyTypes: true,
        verbatimModuleSyntax: true,
        noEmit: true,
        types: ['node'],
      },
      include: ['*.ts', '*.mts'],
    }),
    'handler.mts': await snippet('ts', 'satisfies Handler'),
    'main.mts': await snippet('ts', 'new ConsumerPool'),
    'typed-handler.ts': `
      import { type Handler, NonRetriableError, type PlainMessage } from 'kafka-consumer-pool/handler'
      export default (async (message, context) => {
        const text: string | undefined = message.value?.toString()
        if (text === undefined) throw new NonRetriableError(\`\${message.topic}/\${message.partition} has no value\`)
        context.log.info({ slot: context.slot, attempt: context.attempt })
        context.signal.throwIfAborted()
        const { topic, ...rest } = message
        // @ts-expect-error a rest pattern has no fields of the message, nor has a spread
        console.log(topic, rest.value)
        const plain: PlainMessage = { ...message.toJSON(), value: null }
        console.log(plain.offset)
        // @ts-expect-error the context has no such property
        context.nothing
      }) satisfies Handler
    `,
    'typed-main.ts': `
      import { ConfigError, ConsumerPool, ErrorCode, PoolError, type PoolStatus } from 'kafka-consumer-pool'
      const pool = new ConsumerPool({
        kafka: { brokers: ['127.0.0.1:9092'], 'client.id': 'orders' },
        consumer: { groupId: 'orders', 'session.timeout.ms': 30_000 },
        subscriptions: [{ topics: ['orders'], handler: new URL('./typed-handler.js', import.meta.url), workers: 2 }],
      })
      pool.on('slot:crashed', (event) => console.log(event.slot))
      // @ts-expect-error there is no such event
      pool.on('slot:nothing', () => undefined)
      const status: PoolStatus = pool.status()
      console.log(status.totals.finished.toFixed(0))
      try {
        await pool.start()
      } catch (error) {
        if (error instanceof ConfigError) for (const { path, message } of error.issues) console.log(path.length, message)
        if (error instanceof PoolError && error.code === ErrorCode.brokerUnreachable) process.exitCode = 1
      }
      // @ts-expect-error a number of workers is a number
      new ConsumerPool({ workers: 'many', topics: ['a'], handler: './h.js' })
    `,
  })
  /** The files of the package that the compiler reads; rejects with what it complains about. */
  const compile = async (config: string): Promise<string[]> => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const read = await run(process.execPath, [tsc, '-p', config, '--listFiles'])
    return read.split('\n').filter((path) => path.includes(INSTALLED))
  }
  const declarations = expect.stringMatching(`${INSTALLED}/(dist/.*\\.d\\.ts|package\\.json)$`)
  const onlyDeclarations = (files: string[]) => {
    expect(files.length).toBeGreaterThan(0)
    for (const path of files) expect(path).toEqual(declarations)
  }
  onlyDeclarations(await compile('tsconfig.json'))

  // What CommonJS projects have by default until TypeScript 5, and knows no `exports`.
  await write({
    'tsconfig.old.json': JSON.stringify({
      extends: './tsconfig.json',
      compilerOptions: {
        module: 'commonjs',
        moduleResolution: 'node10',
        ignoreDeprecations: '6.0',
        verbatimModuleSyntax: false,
      },
      include: ['typed-handler.ts'],
    }),
  })
  onlyDeclarations(await compile('tsconfig.old.json'))
})

test('the installed command introduces itself', async () => {
  const help = await run(join(project, 'node_modules', '.bin', 'kafka-consumer-pool'), ['--help'])
  expect(help).toContain('Usage: kafka-consumer-pool')
})
