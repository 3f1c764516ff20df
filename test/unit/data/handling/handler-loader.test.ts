import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { loadHandler } from '#src/data/handling/handler-loader.js'

const folder = mkdtempSync(join(tmpdir(), 'kcp-handlers-'))
afterAll(() => rmSync(folder, { recursive: true }))

const moduleWith = (name: string, code: string): string => {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, code)
  return pathToFileURL(file).href
}
const call = async (url: string) => (await loadHandler(url)).handler({} as never, {} as never)

describe('a handler is', () => {
  test.each([
    ['the default export', 'default.mjs', `export default () => 'called'`],
    ['an export named handler', 'named.mjs', `export const handler = () => 'called'`],
    ['what a CommonJS module is', 'plain.cjs', `module.exports = () => 'called'`],
    ['a CommonJS export named handler', 'named.cjs', `exports.handler = () => 'called'`],
    [
      'the default export of a module that was compiled to CommonJS',
      'compiled.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = () => 'called'`,
    ],
    [
      'in the object that is the default export of a module that was compiled to CommonJS',
      'compiled-object.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { handler: () => 'called' }`,
    ],
  ])('%s', async (_, name, code) => expect(await call(moduleWith(name, code))).toBe('called'))
})

describe('a handler module', () => {
  test('that is not there is named, with what to check', async () => {
    const url = pathToFileURL(join(folder, 'nowhere.mjs')).href
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_FOUND',
      message: expect.stringContaining(join(folder, 'nowhere.mjs')),
    })
  })

  test('that is a folder is not there', async () => {
    await expect(loadHandler(pathToFileURL(folder).href)).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_FOUND',
      message: expect.stringContaining('is a folder. Name the file in it'),
    })
  })

  test.each(['near', 'near.js', 'near.ts'])('that is there under another extension than %s is named', async (name) => {
    const near = fileURLToPath(moduleWith('near.mjs', 'export default () => {}'))
    await expect(loadHandler(pathToFileURL(join(folder, name)).href)).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_FOUND',
      message: expect.stringContaining(`${join(folder, name)}. Did you mean ${near}?`),
    })
  })

  test('that throws while it is imported is the cause, with its stack', async () => {
    const url = moduleWith('throws.mjs', `throw Object.assign(new TypeError('no database'), { code: 'E_DB' })`)
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_THREW_ON_IMPORT',
      message: expect.stringContaining('no database'),
      cause: { name: 'TypeError', code: 'E_DB', stack: expect.stringContaining('throws.mjs') },
    })
  })

  test('that needs a module which is not there throws on import; it is not itself missing', async () => {
    const url = moduleWith('needs.mjs', `import './missing.mjs'; export default () => {}`)
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_THREW_ON_IMPORT',
      message: expect.stringContaining('missing.mjs'),
    })
  })

  test.each([
    ['cjs', (bad: string) => `require(${JSON.stringify(bad)})`],
    ['mjs', (bad: string) => `import ${JSON.stringify(pathToFileURL(bad).href)}`],
  ])('whose syntax is wrong somewhere hears where, or how to find that out: .%s', async (form, take) => {
    const bad = fileURLToPath(moduleWith(`lib/bad.${form}`, '\n\nconst a = ;'))
    const url = moduleWith(`takes-bad.${form}`, take(bad))
    const error = await loadHandler(url).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'KCP_HANDLER_THREW_ON_IMPORT' })
    // Node tells the place of ES modules only when it ends because of them.
    const ways = [
      `Unexpected token ';' (${bad}:3)`,
      `Unexpected token ';'. This says where: node ${fileURLToPath(url)}`,
    ]
    expect(ways.filter((way) => (error as Error).message.endsWith(way))).toHaveLength(1)
  })

  test('that throws null is told apart from one that works', async () => {
    await expect(loadHandler(moduleWith('null.mjs', 'throw null'))).rejects.toMatchObject({
      code: 'KCP_HANDLER_THREW_ON_IMPORT',
    })
  })

  test('that exports no function is told what it exports', async () => {
    await expect(loadHandler(moduleWith('other.mjs', 'export const run = () => {}'))).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringContaining('it exports run'),
    })
    await expect(loadHandler(moduleWith('nothing.mjs', ''))).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringContaining('it exports nothing'),
    })
  })

  test.each([
    ['generator.mjs', 'export default function* () {}', 'a generator function'],
    ['async-generator.mjs', 'export default async function* () {}', 'a generator function'],
    ['class.cjs', 'module.exports = class Handler { handle() {} }', 'a class'],
    ['named-class.mjs', 'export class handler {}', 'a class'],
  ])('that exports what looks like a handler and cannot work is refused: %s', async (name, code, what) => {
    await expect(loadHandler(moduleWith(name, code))).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringMatching(new RegExp(`exports ${what}.*export default \\(message, context\\)`)),
    })
  })

  test.each([
    ['async.mjs', 'export default async () => "called"'],
    ['method.cjs', 'module.exports = { handler() { return "called" } }'],
    ['class-method.mjs', 'export default { class() { return "called" } }.class'],
    ['bound.mjs', 'export default (() => "called").bind(null)'],
    ['proxy.mjs', 'export default new Proxy(() => "called", {})'],
    ['classy.mjs', 'const classify = () => "called"; export default classify'],
  ])('may export any other function: %s', async (name, code) => {
    expect(await call(moduleWith(name, code))).toBe('called')
  })

  test('that is an ES module where Node takes it for CommonJS hears of .mjs', async () => {
    const url = moduleWith('esm/handler.js', `import 'node:fs'; export default () => {}`)
    writeFileSync(join(folder, 'esm', 'package.json'), '{ "type": "commonjs" }')
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_THREW_ON_IMPORT',
      message: expect.stringMatching(/name it \.mjs, or set "type": "module"/),
    })
  })

  // Later versions of Node run it.
  test.skipIf('typescript' in process.features)('in TypeScript hears what to do', async () => {
    await expect(loadHandler(moduleWith('handler.ts', 'export default () => {}'))).rejects.toMatchObject({
      code: 'KCP_HANDLER_THREW_ON_IMPORT',
      message: expect.stringMatching(/compile the handler .*Node 22\.18 or 24.*--import tsx/),
    })
  })
})

describe('setup and teardown are', () => {
  const both = 'setup: () => 1, teardown: () => 2'
  test.each([
    [
      'named exports',
      'hooks.mjs',
      `export default () => {}; export const setup = () => 1; export const teardown = () => 2`,
    ],
    [
      'set on the exports of a CommonJS module',
      'hooks.cjs',
      `exports.handler = () => {}; exports.setup = () => 1; exports.teardown = () => 2`,
    ],
    [
      'set on the function that a CommonJS module is',
      'function.cjs',
      `module.exports = Object.assign(() => {}, { ${both} })`,
    ],
    [
      'set on the default export of a module that was compiled to CommonJS',
      'compiled-function.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = Object.assign(() => {}, { ${both} })`,
    ],
  ])('%s', async (_, name, code) => {
    const { setup, teardown } = await loadHandler(moduleWith(name, code))
    expect([setup?.({} as never), teardown?.()]).toEqual([1, 2])
  })

  test('not there when a module does not export them', async () => {
    expect(Object.keys(await loadHandler(moduleWith('without.mjs', 'export default () => {}')))).toEqual(['handler'])
  })

  test.each([
    ['a generator function', 'async function* teardown() {}', 'teardown'],
    ['a class', 'class setup {}', 'setup'],
  ])('refused when one is %s, which would run nothing', async (what, declaration, name) => {
    const url = moduleWith(`sham-${name}.mjs`, `export default () => {}; export ${declaration}`)
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringContaining(`exports \`${name}\`, which is ${what}`),
    })
  })

  test.each([
    ['a constant', "export default () => {}; export const SETUP = 'x'"],
    ['a class', 'export default () => {}; export class Setup {}'],
    ['beside the right one', 'export default () => {}; export const setup = () => {}; export function Setup() {}'],
  ])('not taken for misspelt: %s', async (what, code) => {
    await expect(loadHandler(moduleWith(`no-hook-${what.length}.mjs`, code))).resolves.toBeDefined()
  })

  test.each([
    ['tearDown', 'export default () => {}; export const tearDown = () => {}'],
    ['Setup', 'export default Object.assign(() => {}, { Setup: () => {} })'],
  ])('refused when misspelt as %s, which would never be called', async (name, code) => {
    await expect(loadHandler(moduleWith(`misspelt-${name}.mjs`, code))).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringContaining(`exports \`${name}\`, which nobody calls: name it \`${name.toLowerCase()}\``),
    })
  })

  test('refused when they are no functions', async () => {
    const url = moduleWith('settings.mjs', 'export default () => {}; export const setup = { url: "…" }')
    await expect(loadHandler(url)).rejects.toMatchObject({
      code: 'KCP_HANDLER_NOT_A_FUNCTION',
      message: expect.stringContaining('exports `setup`, which is no function'),
    })
  })
})
