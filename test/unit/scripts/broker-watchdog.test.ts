import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Keeper } from '#scripts/kafka/keeper.js'
import { until } from '#scripts/support/until.js'

const FOR_EVER = ['-e', 'setInterval(() => {}, 1000)']
const keeperModule = fileURLToPath(import.meta.resolve('#scripts/kafka/keeper.js'))

/** A process that keeps another one and prints its pid and the folder. */
const PARENT = `
  const { Keeper } = await import(${JSON.stringify(keeperModule)})
  const keeper = await Keeper.start()
  const kept = await keeper.spawn('node-1', process.execPath, ${JSON.stringify(FOR_EVER)}, keeper.folder + '/log')
  keeper.atEnd(process.execPath, ['-e', 'require("fs").writeFileSync(process.argv[1], "")', keeper.folder + '.at-end'])
  console.log(JSON.stringify({ pid: kept.pid, folder: keeper.folder }))
  setInterval(() => {}, 1000)
`

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const startParent = async (): Promise<{ parent: ChildProcess; pid: number; folder: string }> => {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  const { pid, folder } = JSON.parse(line) as { pid: number; folder: string }
  onTestFinished(() => rmSync(`${folder}.at-end`, { force: true }))
  return { parent, pid, folder }
}

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
  test(`a kept process and its folder are gone soon after their parent died of ${signal}`, async () => {
    const { parent, pid, folder } = await startParent()
    expect(isAlive(pid)).toBe(true)
    expect(existsSync(folder)).toBe(true)
    parent.kill(signal)
    await until(() => !isAlive(pid) && !existsSync(folder), { what: 'the clean-up', deadlineMs: 5000 })
  })
}

test('a watchdog that cannot make its folder says why', async () => {
  vi.stubEnv('TMPDIR', '/nowhere/at/all')
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(Keeper.start()).rejects.toThrow(/exit code 1: Error: ENOENT: .*\/nowhere\/at\/all/)
})

test('commands for the end run after a SIGKILL of the parent too', async () => {
  const { parent, folder } = await startParent()
  parent.kill('SIGKILL')
  await until(() => existsSync(`${folder}.at-end`), { what: 'the last command', deadlineMs: 5000 })
})

test('a frozen process is killed as well', async () => {
  const keeper = await Keeper.start()
  const kept = await keeper.spawn('node-1', process.execPath, FOR_EVER, join(keeper.folder, 'log'))
  keeper.signal('node-1', 'SIGSTOP')
  await keeper.end()
  expect(isAlive(kept.pid)).toBe(false)
  expect(await kept.exited).toBe('SIGKILL')
  expect(existsSync(keeper.folder)).toBe(false)
})

test('the end of a process is told with its exit code, and its name is free again', async () => {
  const keeper = await Keeper.start()
  onTestFinished(() => keeper.end())
  const log = join(keeper.folder, 'log')
  const first = await keeper.spawn('node-1', process.execPath, ['-e', 'process.exit(3)'], log)
  expect(await first.exited).toBe('exit code 3')
  const second = await keeper.spawn('node-1', process.execPath, FOR_EVER, log)
  expect(second.ended).toBeUndefined()
})

test('a command that does not exist rejects', async () => {
  const keeper = await Keeper.start()
  onTestFinished(() => keeper.end())
  const started = keeper.spawn('node-1', '/nowhere/java', [], join(keeper.folder, 'log'))
  await expect(started).rejects.toThrow(/node-1 did not start: .*ENOENT/)
})

test('stopping twice is fine, and nothing can be started afterwards', async () => {
  const keeper = await Keeper.start()
  await Promise.all([keeper.end(), keeper.end()])
  await expect(keeper.spawn('node-1', process.execPath, FOR_EVER, 'log')).rejects.toThrow('has been stopped')
})
