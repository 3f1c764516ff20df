import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Piscina } from 'piscina'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { PoolError } from '#src/errors.js'
import { fromErrorData, toErrorData } from '#src/protocol/error-data.js'
import type { ThreadData } from '#src/protocol/messages.js'
import { MainSide } from '../support/data/main-side.js'
import { soon } from '../support/data/soon.js'
import { threadConfig } from '../support/data/thread-config.js'

const folder = mkdtempSync(join(tmpdir(), 'kcp-threads-'))
afterAll(() => rmSync(folder, { recursive: true }))
const moduleWith = (name: string, code: string): string => {
  const file = join(folder, name)
  writeFileSync(file, code)
  return pathToFileURL(file).href
}
const good = moduleWith('good.mjs', 'export default () => {}')

const entry = new URL('../../dist/workers/entry.cjs', import.meta.url).href
let pool: Piscina | undefined
afterEach(() => pool?.destroy())

/** A pool of one real thread that has these handlers preloaded. */
const threadWith = (handlers: readonly string[], more: Partial<ThreadData> = {}): Piscina => {
  const workerData: ThreadData = { handlers, importWaitMs: 10_000, ...more }
  pool = new Piscina({ filename: entry, workerData, minThreads: 1, maxThreads: 1, atomics: 'disabled' })
  return pool
}
const run = (piscina: Piscina, main: MainSide): Promise<unknown> => {
  const running = piscina.run(main.task, { transferList: [main.task.port] })
  running.catch(() => {})
  return running
}
/** The rejection as main reads it. */
const rejection = (running: Promise<unknown>): Promise<Error> =>
  running.then(
    () => expect.unreachable('the task did not reject'),
    (reason) => fromErrorData(toErrorData(reason)),
  )

describe('a thread whose handler', () => {
  test.each([
    ['is not there', pathToFileURL(join(folder, 'nowhere.mjs')).href, 'KCP_HANDLER_NOT_FOUND'],
    ['throws on import', moduleWith('throws.mjs', `throw new TypeError('no database')`), 'KCP_HANDLER_THREW_ON_IMPORT'],
    ['is no function', moduleWith('object.mjs', 'export default {}'), 'KCP_HANDLER_NOT_A_FUNCTION'],
  ])('%s survives, and its task rejects with an error that main recognises', async (_, handler, code) => {
    const piscina = threadWith([handler, good])
    const [threadId] = piscina.threads.map((thread) => thread.threadId)
    const error = await rejection(run(piscina, new MainSide(threadConfig({ handler }))))
    expect(error).toBeInstanceOf(PoolError)
    expect(error).toMatchObject({ code })
    expect(piscina.threads.map((thread) => thread.threadId)).toEqual([threadId])
  })

  test('throws on import gives its own stack to main', async () => {
    const handler = moduleWith('stack.mjs', `throw new TypeError('no database')`)
    const error = await rejection(run(threadWith([handler]), new MainSide(threadConfig({ handler }))))
    expect(error.cause).toMatchObject({ message: 'no database', stack: expect.stringContaining('stack.mjs:1') })
  })

  test('could not be loaded fills the next slot, with another handler', async () => {
    const bad = moduleWith('bad.mjs', `throw new Error('bad')`)
    const piscina = threadWith([bad])
    await rejection(run(piscina, new MainSide(threadConfig({ handler: bad }))))
    const main = new MainSide(threadConfig({ handler: good }))
    const running = run(piscina, main)
    await soon('it tries to connect', () => main.of('log').some(({ line }) => line.includes('127.0.0.1:1')), 20_000)
    main.say({ type: 'stop' })
    expect(await running).toBe('stopped')
    await soon('the port is closed', () => main.closed)
  })
})

test('a spare has loaded its handlers before any slot asks', async () => {
  const file = join(folder, 'loaded')
  threadWith([
    moduleWith('warm.mjs', `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(file)}, 'yes')`),
  ])
  await soon('the module has run', () => existsSync(file), 20_000)
})

describe('modules of threadImports', () => {
  const importing = (name: string, imports: readonly string[], more: Partial<ThreadData> = {}) => {
    const handler = moduleWith(`${name}.mjs`, `globalThis.told?.('handler'); export default () => {}`)
    return run(threadWith([handler], { imports, ...more }), new MainSide(threadConfig({ handler })))
  }

  test('are loaded one after the other, each when the last is done, and then the handler', async () => {
    const file = join(folder, 'told')
    const first = moduleWith(
      'first.mjs',
      `import { appendFileSync } from 'node:fs'
      globalThis.told = (who) => appendFileSync(${JSON.stringify(file)}, who + ' ')
      await new Promise((resolve) => setTimeout(resolve, 50)); told('first')`,
    )
    writeFileSync(join(folder, 'second.cjs'), `globalThis.told('second')`)
    threadWith([moduleWith('third.mjs', `globalThis.told('handler'); export default () => {}`)], {
      imports: [first, pathToFileURL(join(folder, 'second.cjs')).href],
    })
    await soon(
      'the handler is loaded',
      () => existsSync(file) && readFileSync(file, 'utf8').includes('handler'),
      20_000,
    )
    expect(readFileSync(file, 'utf8')).toBe('first second handler ')
  })

  test('that are not there are named with the option, and no handler is loaded', async () => {
    const missing = pathToFileURL(join(folder, 'no-instrumentation.mjs')).href
    expect(await rejection(importing('after-missing', [missing]))).toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringMatching(/no-instrumentation\.mjs" of option threadImports cannot be loaded: Cannot find/),
    })
  })

  test('that throw say what, with their stack', async () => {
    const throws = moduleWith('sdk.mjs', `throw new TypeError('no exporter')`)
    expect(await rejection(importing('after-throw', [throws]))).toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining(`"${throws}" of option threadImports cannot be loaded: no exporter`),
      cause: { stack: expect.stringContaining('sdk.mjs:1') },
    })
  })

  test('that never come are named with the limit', async () => {
    const hangs = moduleWith('hangs.mjs', 'await new Promise((resolve) => setTimeout(resolve, 1e8))')
    const limits = { importWaitMs: 100, loadTimeoutMs: 200 }
    expect(await rejection(importing('after-hang', [hangs], limits))).toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('of option threadImports was not loaded after 0.2 s'),
    })
  })
})

test('the entry refuses the main thread', async () => {
  const loading: Promise<unknown> = createRequire(import.meta.url)(fileURLToPath(entry))
  await expect(loading).rejects.toMatchObject({ code: 'KCP_INTERNAL' })
})
