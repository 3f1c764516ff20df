import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url))

const run = (nodeOptions: readonly string[], args: readonly string[]) =>
  spawnSync(process.execPath, [...nodeOptions, script, ...args], { encoding: 'utf8' })

test('an old Node gets one clear line and nothing is installed', () => {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'18.20.0'}})`
  const { status, stderr, stdout } = run(['--import', pretend], ['test'])
  expect(status).toBe(1)
  expect(stderr).toMatch(/^kafka-consumer-pool needs Node 20 or newer; this is v[\d.]+\.\n$/)
  expect(stdout).toBe('')
})

test.each([[[]], [['build']], [['toString']]])('%j is answered with the usage', (args) => {
  const { status, stderr } = run([], args)
  expect(status).toBe(2)
  expect(stderr).toContain('Usage: node scripts/run.mjs demo|test')
})
