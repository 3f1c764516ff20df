import { fork } from 'node:child_process'
import os from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'

/**
 * The program's options, all of them numbers or text with a default.
 *
 * @example const { rounds } = programOptions({ rounds: 3 })
 */
export const programOptions = (defaults) => {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]))
  const { values } = parseArgs({ options })
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => {
      const given = values[name]
      if (given === undefined) return [name, value]
      if (typeof value !== 'number') return [name, given]
      if (!Number.isFinite(Number(given))) throw new Error(`--${name}: expected a number, got "${given}"`)
      return [name, Number(given)]
    }),
  )
}

/** What the figures were measured on; printed with every result. @param cluster none if there was no broker */
export const printMachine = (cluster) => {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown CPU'
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GB`
  const load = os.loadavg()[0]?.toFixed(1)
  console.log(`${os.availableParallelism()} cores (${cpu}), ${memory}, ${os.type()} ${os.release()}, load ${load}`)
  const kafka = cluster === undefined ? '' : `, Kafka ${cluster.version} at ${cluster.brokers.join(', ')}`
  console.log(`node ${process.version}${kafka}\n`)
}

/**
 * Runs a module in a process of its own and resolves with the first message that it sends.
 *
 * @param url of the module
 * @param task given to it as JSON, in its last argument
 */
export const measureInProcess = (url, task, { execArgv = [], withinMs = 120_000 } = {}) =>
  new Promise((resolve, reject) => {
    const child = fork(url, [JSON.stringify(task)], { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`no result within ${withinMs / 1000} s`))
    }, withinMs)
    child.once('message', (result) => {
      resolve(result)
      child.kill('SIGKILL') // it has nothing more to do, whatever its clients still hold
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`the process ended (${signal ?? code}) without a result`))
    })
  })

/** In such a process: its task. */
export const processTask = () => JSON.parse(process.argv.at(-1))
