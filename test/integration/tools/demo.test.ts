import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, brokers } from '../../support/cluster/index.js'

const DEMO = fileURLToPath(new URL('../../../dist/scripts/demo.js', import.meta.url))

const documents = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'documents-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (let number = 0; number < 50; number++) {
    const text = Array.from(
      { length: 300 },
      (_, line) => `line ${line} of document ${number}: ${Math.sin(line * number)}`,
    )
    writeFileSync(join(folder, `${number}.txt`), text.join('\n'))
  }
  return folder
}

const demo = (...args: string[]) => {
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, KAFKA_BROKERS: brokers().join(',') },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const seen = { child, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    seen.stderr += text
  })
  const exit = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code))
  })
  return { seen, exit }
}

const demoTopics = async (): Promise<string[]> =>
  (await (await adminClient()).listTopics()).filter((topic) => topic.startsWith('demo-'))

it('the demo loses nothing, though a thread is crashed half-way, and leaves nothing behind', async () => {
  const { seen, exit } = demo(documents(), '--seconds', '2')
  expect(await exit).toBe(0)
  expect(seen.stderr).toBe('')
  expect(seen.stdout).toMatch(/died: crashed on purpose/)
  expect(seen.stdout).toMatch(/is back after \d+ ms by handover, rebalances: 0/)
  expect(seen.stdout).toMatch(/crashes +1, healed after .*\nrebalances +0\nlost +0\nrepeated +[01]\n/)
  expect(seen.stdout.trimEnd()).toMatch(/Nothing was lost\.$/)
  expect(await demoTopics()).toEqual([])
})

it('Ctrl-C stops it in the middle of its work', async () => {
  const { seen, exit } = demo(documents(), '--seconds', '60')
  await until(() => seen.stdout.includes('10 %'), { what: 'a tenth of the work', deadlineMs: 90_000 })
  seen.child.kill('SIGINT')
  expect(await exit).toBe(130)
  expect(seen.stderr).toBe('')
  expect(await demoTopics()).toEqual([])
})

it.each([
  [['/no/such/folder'], 'is no folder'],
  [['--seconds', 'many'], 'expected 1 to 3600'],
  [['--second', '5'], 'Usage: npm run demo'],
])('%j is refused with what is wrong', async (args, why) => {
  const { seen, exit } = demo(...args)
  expect(await exit).toBe(1)
  expect(seen.stderr).toContain(why)
})
