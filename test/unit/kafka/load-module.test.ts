import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSasl } from '#src/kafka/brokers/sasl.js'
import { loadFunction } from '#src/kafka/load-module.js'
import { DecompressedTooLarge, loadCodecs } from '#src/kafka/records/codecs.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kcp-modules-'))
})
afterAll(() => rm(folder, { recursive: true }))

const moduleFile = async (name: string, source: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, source)
  return path
}

const CODEC =
  '{ compress: async (encoder) => encoder.buffer, decompress: async (buffer) => Buffer.from(buffer).reverse() }'

describe('a codec', () => {
  it.each([
    ['an object', `module.exports = ${CODEC}`],
    ['a function that returns it, as kafkajs-snappy', `module.exports = () => (${CODEC})`],
    ['a function that returns such a function, as @kafkajs/zstd', `module.exports = (a, b) => () => (${CODEC})`],
    [
      'a class whose instances have it, as kafkajs-lz4',
      `class Codec { constructor(options) { this.options = options; this.codec = () => (${CODEC}) } }
       exports.default = Codec; module.exports = Codec`,
    ],
    ['a transpiled default export', `exports.__esModule = true; exports.default = () => (${CODEC})`],
  ])('may be exported as %s', async (title, source) => {
    const path = await moduleFile(`codec-${title.replaceAll(/\W/g, '')}.cjs`, source)
    const decompress = (await loadCodecs({ snappy: path })).get(2)
    expect(String(await decompress?.(Buffer.from('abc'), 10))).toBe('cba')
  })

  it('may be an ES module, named by its URL', async () => {
    const path = await moduleFile('codec.mjs', `export default () => (${CODEC})`)
    expect((await loadCodecs({ lz4: pathToFileURL(path).href })).has(3)).toBe(true)
  })

  it('that yields more than the limit is stopped', async () => {
    const decompress = (await loadCodecs({ snappy: await moduleFile('large.cjs', `module.exports = ${CODEC}`) })).get(2)
    await expect(decompress?.(Buffer.alloc(11), 10)).rejects.toBeInstanceOf(DecompressedTooLarge)
    const gunzip = (await loadCodecs({})).get(1)
    expect(() => gunzip?.(gzipSync(Buffer.alloc(11)), 10)).toThrow(DecompressedTooLarge)
  })

  it('that cannot be loaded, or is none, is refused with the option that names it', async () => {
    await expect(loadCodecs({ snappy: 'no-such-package' })).rejects.toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('"no-such-package" of option codecs.snappy'),
    })
    const none = await moduleFile('none.cjs', 'module.exports = { compress() {} }')
    await expect(loadCodecs({ lz4: none })).rejects.toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('codecs.lz4'),
    })
  })

  it('for gzip is there without configuration', async () => {
    const gunzip = (await loadCodecs({})).get(1)
    expect(String(await gunzip?.(gzipSync('hello'), 100))).toBe('hello')
  })
})

describe('a function by module path', () => {
  it('is the default export, or the one named like the option', async () => {
    const byDefault = await moduleFile('default.mjs', 'export default () => "default"')
    const byName = await moduleFile('named.mjs', 'export const oauthBearerProvider = () => "named"; export default 1')
    expect((await loadFunction(byDefault, 'sasl.oauthBearerProvider'))()).toBe('default')
    expect((await loadFunction(byName, 'sasl.oauthBearerProvider'))()).toBe('named')
  })

  it('that is none is refused', async () => {
    const none = await moduleFile('nothing.mjs', 'export const a = 1')
    await expect(loadFunction(none, 'sasl.oauthBearerProvider')).rejects.toMatchObject({
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('exports no function'),
    })
  })

  it('stands in for the functions of option sasl', async () => {
    const path = await moduleFile('token.mjs', 'export default async () => ({ value: "token" })')
    const sasl = await loadSasl({ mechanism: 'oauthbearer', oauthBearerProvider: path })
    expect(sasl?.mechanism).toBe('oauthbearer')
    const provider = sasl?.oauthBearerProvider as () => unknown
    expect(await provider()).toEqual({ value: 'token' })
    expect(await loadSasl(null)).toBeNull()
  })
})
