// The commands of a fresh clone, `npm run demo`, `npm test` and `npm run test:faults`. No dependencies here: this file installs them.
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const OLDEST_NODE = 20
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }
const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (...parts) => join(root, ...parts)

/** Ends the command with a message for the user and an exit code, without a stack. */
class Stop extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Runs a program in the repository and resolves with its exit code, as a shell would report it. */
const run = (command, args, env = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
    // A Ctrl-C reaches the child as well; it decides how to end, and we end after it.
    const onInterrupt = () => undefined
    const onTerminate = () => child.kill('SIGTERM')
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
    child.once('error', (error) => reject(new Stop(`${command} could not be started: ${error.message}`)))
    child.once('exit', (code, signal) => {
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0))
    })
  })

const node = (args, env) => run(process.execPath, args, env)

const checkNode = () => {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= OLDEST_NODE) return
  throw new Stop(`kafka-consumer-pool needs Node ${OLDEST_NODE} or newer; this is v${process.versions.node}.`)
}

/** npm writes this file when an installation is complete, so an interrupted one has none. */
const isInstalled = () => {
  const installed = inRoot('node_modules', '.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(inRoot('package-lock.json')).mtimeMs
}

const install = async () => {
  if (isInstalled()) return
  console.error('Installing the dependencies (npm ci)…')
  const npm = process.env.npm_execpath ?? ''
  const args = ['ci', '--include=dev', '--loglevel=error']
  const code = basename(npm) === 'npm-cli.js' ? await node([npm, ...args]) : await run('npm', args)
  if (code !== 0) throw new Stop(`npm ci failed (exit code ${code}); see above. Is the npm registry reachable?`)
}

const compile = async (project, what) => {
  const code = await node([inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', project])
  if (code !== 0) throw new Stop(`${what} has type errors; see above.`)
}

const vitest = (args, env) => node([inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...args], env)

const readArgs = (config) => {
  try {
    return parseArgs(config).values
  } catch (error) {
    throw new Stop(error.message, 2)
  }
}

const commands = {
  async demo(args) {
    const { startBroker } = await import('../dist/scripts/broker.js')
    console.error('Starting Kafka…')
    const broker = await startBroker()
    try {
      return await node([inRoot('dist', 'scripts', 'demo.js'), ...args], { KAFKA_BROKERS: broker.brokers.join(',') })
    } finally {
      await broker.stop()
    }
  },

  async test(args) {
    if (process.env.CI === 'true') await compile('test/tsconfig.json', 'The test code')
    return vitest(args)
  },

  /** A new seed each time, unless one is given; every fault once, or pairs of them for so many minutes. */
  faults(args) {
    const names = ['minutes', 'seed', 'only', 'setting']
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]))
    const { minutes = '', seed = 'new', only = '', setting = '' } = readArgs({ args, options })
    const chosen = { FAULTS_MINUTES: minutes, FAULTS_SEED: seed, FAULTS_ONLY: only, FAULTS_SETTING: setting }
    return vitest(['--project', 'faults'], chosen)
  },
}

const main = async ([name, ...args]) => {
  checkNode()
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined
  if (command === undefined) throw new Stop('Usage: node scripts/run.mjs demo|test|faults [arguments]', 2)
  await install()
  await compile('tsconfig.json', 'The source code')
  await import('./bundle-threads.mjs')
  return command(args)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Stop) && error.name !== 'BrokerError') throw error
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
}
