import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { createPool, startPool } from '../../support/pool/pool.js'

/** What the handler writes down: in which thread, and what. */
const journal = (more = '') => {
  const folder = mkdtempSync(join(tmpdir(), 'hooks-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'journal')
  const handler = new URL(
    `../../support/handlers/hooks.mjs?journal=${encodeURIComponent(file)}${more}`,
    import.meta.url,
  )
  const read = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => ({ thread: line.slice(0, line.indexOf(' ')), did: line.slice(line.indexOf(' ') + 1) }))
      : []
  /** By thread, in order of the threads' first deeds. */
  const byThread = () => {
    const threads = new Map<string, string[]>()
    for (const { thread, did } of read()) threads.set(thread, [...(threads.get(thread) ?? []), did])
    return [...threads.values()]
  }
  return { handler, byThread, deeds: () => read().map(({ did }) => did) }
}

test('each thread that fills a slot is set up before it handles and torn down by the stop; spares are left alone', async () => {
  const topic = await createTopic({ partitions: 2 })
  await produce(
    topic,
    [0, 1].map((partition) => ({ partition, value: 'plain' })),
  )
  const { handler, byThread, deeds } = journal()
  const { logger, lines } = collectLines()
  const { pool } = await startPool({ topics: [topic], handler, workers: 2, logger })
  await until(() => deeds().filter((did) => did.startsWith('handled')).length === 2, { what: 'both messages' })
  await pool.stop()
  expect(
    byThread().map(([first, ...rest]) => [first?.replace(/\d+/, 'n'), ...rest.map((did) => did.slice(0, 8))]),
  ).toEqual([1, 2].map(() => ['setup n 1', 'handled ', 'teardown']))
  expect(lines.filter(({ msg }) => msg === 'said by setup')).toHaveLength(2)
})

test('a thread that dies is not torn down; its replacement is set up before it handles anything', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, byThread, deeds } = journal()
  const { pool, heard } = await startPool({ topics: [topic], handler, workers: 1 })
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(() => deeds().includes('handled 0'), { what: 'the message' })
  await produce(topic, [{ partition: 0, value: 'exit' }])
  await until(() => heard('slot:recovered').length > 0, { what: 'the replacement' })
  await until(() => byThread().length > 1, { what: 'its setup' })
  await pool.stop()
  const [first, second] = byThread()
  expect(first).toEqual(['setup 0 1', 'handled 0', 'handled 0'])
  expect(second?.[0]).toBe('setup 0 2')
})

test('a thread that is recycled is torn down before its replacement is set up', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, deeds } = journal()
  const { pool, heard } = await startPool({ topics: [topic], handler, workers: 1 })
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(() => deeds().includes('handled 0'), { what: 'the message' })
  expect(pool.recycle(0)).toBe(true)
  await until(() => heard('slot:recycled').length > 0, { what: 'the replacement' })
  expect(deeds().map((did) => did.replace(/^teardown.*/, 'teardown'))).toEqual([
    'setup 0 1',
    'handled 0',
    'teardown',
    'setup 0 2',
  ])
})

test('a setup that fails is a start-up error that names the module, and nobody joins', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler } = journal('&setup=fails')
  const { pool, groupId, heard } = createPool({ topics: [topic], handler, workers: 2 })
  await expect(pool.start()).rejects.toMatchObject({
    code: 'KCP_HANDLER_SETUP_FAILED',
    message: expect.stringMatching(/hooks\.mjs.*no database today/),
  })
  expect(heard('slot:crashed')).toEqual([])
  expect((await describeGroup(groupId)).members).toEqual([])
})

test.each([
  'roundrobin',
  fileURLToPath(new URL('../../support/assignors/first.mjs', import.meta.url)),
])('a slot that loses everything to another pool is torn down, and set up again when it gets something back (%s)', async (assignor) => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, deeds } = journal()
  const [first, other] = [journal(), { handler, deeds }]
  const options = { topics: [topic], workers: 1, assignors: [assignor], kafka: { clientId: 'b-pool' } }
  const pool = await startPool({ ...options, handler: first.handler })
  // With one partition and members in the order of their ids, the pool that sorts first has it.
  const { groupId } = pool
  const second = await startPool({ ...options, groupId, handler: other.handler, kafka: { clientId: 'a-pool' } })
  await until(() => first.deeds().includes('teardown'), { what: 'the teardown' })
  expect(pool.status().slots[0]?.state).toBe('running')
  await second.pool.stop()
  await until(() => first.deeds().length === 3, { what: 'the second setup' })
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(() => first.deeds().includes('handled 0'), { what: 'the message' })
  expect(first.deeds()).toEqual(['setup 0 1', 'teardown', 'setup 0 1', 'handled 0'])
})

test.each([
  ['setup', '&setup=blocks-again', ['setup 0 1', 'teardown', 'setup 0 1', 'setup 0 2', 'handled 0']],
  ['setup', '&setup=hangs-again', ['setup 0 1', 'teardown', 'setup 0 1', 'setup 0 2', 'handled 0']],
  ['teardown', '&teardown=blocks', ['setup 0 1', 'teardown', 'setup 0 2', 'handled 0']],
  ['teardown', '&teardown=hangs', ['setup 0 1', 'teardown', 'setup 0 2', 'handled 0']],
])('a %s that does not come back (%s) while the pool runs is a crash that names it, and the replacement goes on', async (hook, how, did) => {
  const topic = await createTopic({ partitions: 1 })
  const first = journal(how)
  const options = { topics: [topic], workers: 1, assignors: ['roundrobin'], loadTimeoutMs: 3_000, drainTimeoutMs: 0 }
  const pool = await startPool({ ...options, handler: first.handler, kafka: { clientId: 'b-pool' } })
  const { groupId, heard } = pool
  const handler = journal().handler
  const second = await startPool({ ...options, groupId, handler, kafka: { clientId: 'a-pool' } })
  await until(() => first.deeds().includes('teardown'), { what: 'the teardown' })
  await second.pool.stop()
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(() => first.deeds().includes('handled 0'), { what: 'the message' })
  expect(first.deeds()).toEqual(did)
  expect(heard('slot:crashed')).toMatchObject([
    { error: { code: 'KCP_HANDLER_SETUP_FAILED', message: expect.stringMatching(`${hook} of .*hooks\\.mjs`) } },
  ])
  expect(heard('slot:stalled')).toEqual([])
})

test.each([
  'hangs',
  'blocks',
])('a teardown that does not come back (it %s) is logged, and holds a stop up for a second at most', async (how) => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, deeds } = journal(`&teardown=${how}`)
  const { logger, lines } = collectLines()
  const { pool, heard } = await startPool({ topics: [topic], handler, workers: 1, drainTimeoutMs: 0, logger })
  const beganAtMs = performance.now()
  await pool.stop()
  expect(performance.now() - beganAtMs).toBeLessThan(5_000)
  expect(deeds()).toEqual(['setup 0 1', 'teardown'])
  expect(heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect(lines.filter(({ level }) => level >= 50)).toMatchObject([{ msg: expect.stringContaining('teardown') }])
})
