import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { loadConfigFile } from '#src/config/load-file.js'
import { resolveConfig } from '#src/config/resolve.js'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'config-file-')))
const home = process.cwd()
afterEach(() => process.chdir(home))
afterAll(() => rmSync(root, { recursive: true }))

const file = (name: string, content: string): string => {
  const path = join(root, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

const url = (...names: string[]) => pathToFileURL(join(root, ...names)).href

const options = {
  kafka: { brokers: ['a:1'], codecs: { snappy: './snappy.js', lz4: 'kafkajs-lz4' } },
  consumer: { groupId: 'g' },
  subscriptions: [
    {
      topics: ['a'],
      handler: './a.js',
      kafka: { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: '../token.js' } },
    },
    { topics: ['b'], handler: 'sub/b.js' },
  ],
}

test('paths in a file are relative to the file', async () => {
  const path = file('one/pool.json', JSON.stringify(options))
  const loaded = await loadConfigFile(path)
  expect(loaded?.filepath).toBe(path)
  const { slots } = resolveConfig({ ...loaded?.options, workers: 1 })
  expect(slots.map(({ handler }) => handler)).toEqual([url('one', 'a.js'), url('one', 'sub', 'b.js')])
  expect(slots[0]?.kafka.codecs).toEqual({ snappy: url('one', 'snappy.js'), lz4: 'kafkajs-lz4' })
  expect(slots[0]?.kafka.sasl).toEqual({ mechanism: 'oauthbearer', oauthBearerProvider: url('token.js') })
})

test('PEM files, modules for threads, and what perSlot returns, are relative to the file as well', async () => {
  file('two/ca.pem', '-----BEGIN CERTIFICATE-----')
  const path = file(
    'two/pool.mjs',
    `export default {
      kafka: { brokers: ['a:1'], 'security.protocol': 'SSL', 'ssl.ca.location': 'ca.pem' },
      consumer: { groupId: 'g' }, topics: ['t'], handler: new URL('file:///h.js'), workers: 1,
      threadImports: ['./hooks.mjs', 'some-sdk/register', new URL('file:///map.mjs')],
      perSlot: () => ({ kafka: { codecs: { lz4: './lz4.js' } } }),
    }`,
  )
  const { slots, pool } = resolveConfig((await loadConfigFile(path))?.options)
  const [slot] = slots
  expect(pool.threadImports).toEqual([url('two', 'hooks.mjs'), 'some-sdk/register', 'file:///map.mjs'])
  expect(slot?.handler).toBe('file:///h.js')
  expect(slot?.kafka).toMatchObject({
    ssl: { ca: '-----BEGIN CERTIFICATE-----' },
    codecs: { lz4: url('two', 'lz4.js') },
  })
})

test.each([
  ['package.json', JSON.stringify({ name: 'x', 'kafka-consumer-pool': options })],
  ['.kafka-consumer-poolrc.json', JSON.stringify(options)],
  ['kafka-consumer-pool.config.json', JSON.stringify(options)],
  ['kafka-consumer-pool.config.mjs', `export default ${JSON.stringify(options)}`],
  ['kafka-consumer-pool.config.cjs', `module.exports = ${JSON.stringify(options)}`],
])('%s is found from a folder below', async (name, content) => {
  const place = `found-${name}`
  const path = file(`${place}/${name}`, content)
  mkdirSync(join(root, place, 'deep', 'down'), { recursive: true })
  process.chdir(join(root, place, 'deep', 'down'))
  const loaded = await loadConfigFile()
  expect(loaded?.filepath).toBe(path)
  expect(loaded?.options.consumer).toEqual({ groupId: 'g' })
})

test('nothing is found where no page says that it is looked for', async () => {
  file('hidden/.config/kafka-consumer-poolrc', JSON.stringify(options))
  file('hidden/.config/kafka-consumer-poolrc.json', JSON.stringify(options))
  process.chdir(join(root, 'hidden'))
  expect(await loadConfigFile()).toBeNull()
})

test('without a file there is nothing to load', async () => {
  mkdirSync(join(root, 'nothing'), { recursive: true })
  process.chdir(join(root, 'nothing'))
  expect(await loadConfigFile()).toBeNull()
})

test.each([
  ['missing.json', null, /missing\.json does not exist/],
  ['broken.json', '{ "kafka": ', /broken\.json cannot be read: .*JSON/],
  ['broken.mjs', 'export default {', /broken\.mjs cannot be read: Unexpected end of input.*broken\.mjs/],
  ['imports.mjs', 'import "not-installed"', /imports\.mjs cannot be read: Cannot find package 'not-installed'/],
  ['throws.mjs', 'throw new Error("boom")', /throws\.mjs cannot be read: boom/],
  ['empty.json', '', /empty\.json is empty/],
  ['nothing.mjs', 'export const options = {}', /nothing\.mjs exports nothing as default\. Put the options/],
  ['empty.cjs', 'module.exports = undefined', /empty\.cjs exports nothing as default/],
  ['list.json', '[]', /list\.json holds an array/],
  ['text.json', '"x"', /text\.json holds a string/],
  ['function.mjs', 'export default () => ({})', /function\.mjs holds a function\. Put a plain object/],
  ['map.mjs', 'export default new Map()', /map\.mjs holds an instance of Map\. Put a plain object/],
  [
    'heirless.mjs',
    'export default Object.create(Object.create(Object.create(null)))',
    /heirless\.mjs holds an object with a prototype of its own\. Put a plain object/,
  ],
  [
    'nameless.mjs',
    'export default new (class {})()',
    /nameless\.mjs holds an object with a prototype of its own\. Put/,
  ],
  ['pool.yaml', 'kafka: {}', /pool\.yaml cannot be read: .*Use \.json/],
  ['package.json', '{}', /package\.json has no key "kafka-consumer-pool"/],
])('%s is refused by name', async (name, content, message) => {
  const path = content === null ? join(root, 'bad', name) : file(`bad/${name}`, content)
  await expect(loadConfigFile(path)).rejects.toMatchObject({
    code: 'KCP_CONFIG_INVALID',
    message: expect.stringMatching(message),
  })
})

test('a missing file is named by its whole path, because nobody may know the working directory', async () => {
  process.chdir(root)
  await expect(loadConfigFile('gone.json')).rejects.toThrow(`${join(root, 'gone.json')} does not exist`)
})

test('a file that throws is run once', async () => {
  const path = file('once.cjs', 'globalThis.runs = (globalThis.runs ?? 0) + 1; throw new Error("boom")')
  await expect(loadConfigFile(path)).rejects.toThrow(/once\.cjs cannot be read: boom/)
  expect((globalThis as { runs?: number }).runs).toBe(1)
})

test('what compilers make of a default export in CommonJS is read', async () => {
  const path = file(
    'compiled.cjs',
    `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = ${JSON.stringify(options)}`,
  )
  expect((await loadConfigFile(path))?.options.consumer).toEqual({ groupId: 'g' })
})

test('what is no plain object in a file is left for the pool to refuse, not emptied', async () => {
  const path = file(
    'lost/pool.mjs',
    `export default { ...${JSON.stringify({ ...options, subscriptions: undefined })}, topics: ['t'], handler: './h.js',
      workers: 1, consumer: new Map([['groupId', 'g']]), perSlot: async () => ({ maxProcessingMs: 1 }) }`,
  )
  const loaded = await loadConfigFile(path)
  expect(() => resolveConfig(loaded?.options)).toThrow(/consumer: .*no plain object[\s\S]*perSlot\(0\): .*a promise/)
})

test.each([
  ['bare.mjs', `export default Object.assign(Object.create(null), ${JSON.stringify(options)})`],
  ['namespace.mjs', 'export * as default from "./named.mjs"'],
])('%s holds options without any prototype, which is as good as a literal', async (name, content) => {
  file('bare/named.mjs', `export const { kafka, consumer, subscriptions } = ${JSON.stringify(options)}`)
  expect((await loadConfigFile(file(`bare/${name}`, content)))?.options.consumer).toEqual({ groupId: 'g' })
})

test('a file that is found and empty is not passed over', async () => {
  process.chdir(dirname(file('hollow/kafka-consumer-pool.config.json', '')))
  await expect(loadConfigFile()).rejects.toThrow(/kafka-consumer-pool\.config\.json is empty\. Put the options/)
})

test('a file that is found and broken is named', async () => {
  process.chdir(dirname(file('cracked/kafka-consumer-pool.config.json', '{ "kafka": ')))
  await expect(loadConfigFile()).rejects.toThrow(/kafka-consumer-pool\.config\.json cannot be read: .*JSON/)
})

test.each(['ts', 'mts'])('a configuration in .%s is found, and read or refused with what to do', async (form) => {
  const code = `export default ${JSON.stringify(options)} satisfies object`
  process.chdir(dirname(file(`typed-${form}/kafka-consumer-pool.config.${form}`, code)))
  const loading = loadConfigFile()
  if ('typescript' in process.features && process.features.typescript)
    expect((await loading)?.options.consumer).toEqual({ groupId: 'g' })
  else await expect(loading).rejects.toThrow(/config\.m?ts cannot be read: Node .* runs no TypeScript: compile/)
})

test('a file whose import never ends is refused by name', async () => {
  const path = file('hangs/pool.mjs', 'await new Promise(() => {}); export default {}')
  await expect(loadConfigFile(path, 200)).rejects.toThrow(/hangs.pool\.mjs was not loaded within 0\.2 s/)
})
