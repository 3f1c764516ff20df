import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BIN } from '../../support/pool/command.js'

/** What the command says, and how it ends, in a folder below one with that configuration file. */
const runBelow = (config: object, ...args: string[]) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'command-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'kafka-consumer-pool.config.json')
  writeFileSync(file, JSON.stringify(config))
  mkdirSync(join(folder, 'deep'))
  const done = spawnSync(process.execPath, [BIN, 'run', ...args], { cwd: join(folder, 'deep'), encoding: 'utf8' })
  return { ...done, file }
}

const config = { kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 } }, consumer: { groupId: 'g' }, topics: ['t'] }

test('faults name the configuration file, which somebody else may have put in a folder above', () => {
  const { stderr, status, file } = runBelow({ ...config, handler: './h.mjs', sesionTimeout: 1 })
  expect(status).toBe(1)
  expect(JSON.parse(stderr).msg).toMatch(/sesionTimeout: unknown name/)
  expect(JSON.parse(stderr).msg).toContain(file)
})

test('the log begins with the configuration file', () => {
  const { stdout, file } = runBelow({ ...config, handler: './h.mjs' })
  expect(JSON.parse(stdout.split('\n', 1)[0] ?? '')).toMatchObject({ msg: 'configuration file', file })
})

test('an empty --config, as of a variable that is not set, is refused and no other file is looked for', () => {
  const { stderr, status } = runBelow({ ...config, handler: './h.mjs' }, '--config', '')
  expect(status).toBe(1)
  expect(JSON.parse(stderr).msg).toMatch(/'--config <file>' argument '' is invalid\. Expected the path of a file/)
})
