import zlib from 'node:zlib'
import { ErrorCode, PoolError } from '../../errors.js'
import { type ImportLimit, loadModule } from '../load-module.js'

/** Undoes the compression of one record batch. Throws `RangeError` when the result would be over `maxBytes`. */
export type Decompress = (bytes: Buffer, maxBytes: number) => Buffer | Promise<Buffer>

/** By the codec's number in the attributes of a batch. */
export type Codecs = ReadonlyMap<number, Decompress>

interface KnownCodec {
  readonly name: string
  /** The package that KafkaJS's documentation recommends. */
  readonly package?: string
}

/** Kafka's codecs by their number. */
export const KNOWN_CODECS: Readonly<Record<number, KnownCodec>> = {
  1: { name: 'gzip' },
  2: { name: 'snappy', package: 'kafkajs-snappy' },
  3: { name: 'lz4', package: 'kafkajs-lz4' },
  4: { name: 'zstd', package: '@kafkajs/zstd' },
}

/** Thrown by every {@link Decompress} when a batch grows over its limit. */
export class DecompressedTooLarge extends RangeError {}

type ZlibDecompress = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

const capped =
  (decompress: ZlibDecompress): Decompress =>
  (bytes, maxBytes) => {
    try {
      return decompress(bytes, { maxOutputLength: maxBytes })
    } catch (cause) {
      if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
        throw new DecompressedTooLarge(`more than ${maxBytes} bytes`, { cause })
      }
      throw cause
    }
  }

/** A codec as KafkaJS's packages export it has no limit of its own: the result is measured when it is there. */
const measured =
  (decompress: (bytes: Buffer) => unknown): Decompress =>
  async (bytes, maxBytes) => {
    const result = await decompress(bytes)
    if (!(result instanceof Uint8Array)) throw new TypeError('the codec returned no bytes')
    if (result.length > maxBytes) throw new DecompressedTooLarge(`${result.length} bytes`)
    return Buffer.from(result.buffer, result.byteOffset, result.byteLength)
  }

const construct = (exported: object): unknown => {
  const callable = exported as { (): unknown; new (): unknown }
  return /^class\b/.test(Function.prototype.toString.call(callable)) ? new callable() : callable()
}

/**
 * Finds the codec behind what a package exports. `kafkajs-snappy` exports a function that returns it, `@kafkajs/zstd` a
 * function that returns such a function, `kafkajs-lz4` a class whose instances have it as `codec`.
 */
const findDecompress = (exported: unknown): ((bytes: Buffer) => unknown) | null => {
  let candidate = exported
  for (let depth = 0; depth < 5 && candidate !== null && candidate !== undefined; depth++) {
    const codec = candidate as { decompress?: unknown; codec?: unknown; default?: unknown }
    if (typeof codec.decompress === 'function') return codec.decompress.bind(codec)
    if (codec.codec !== undefined) candidate = codec.codec
    else if (codec.default !== undefined) candidate = codec.default
    else if (typeof candidate === 'function') candidate = construct(candidate)
    else return null
  }
  return null
}

const loadCodec = async (name: string, specifier: string, limit?: ImportLimit): Promise<Decompress> => {
  const option = `codecs.${name}`
  const module = await loadModule(specifier, option, limit)
  const found = findDecompress(module.default) ?? findDecompress(module.named)
  if (found === null) {
    throw new PoolError(
      ErrorCode.moduleNotUsable,
      `the module "${specifier}" of option ${option} exports no codec. It must export an object with a function "decompress", or a function that returns one, as KafkaJS's codec packages do`,
    )
  }
  return measured(found)
}

/**
 * The codecs of one connection: gzip always, zstd where Node has it, the rest from the modules of option `codecs`.
 *
 * @throws PoolError KCP_MODULE_NOT_USABLE
 */
export const loadCodecs = async (modules: Readonly<Record<string, string>>, limit?: ImportLimit): Promise<Codecs> => {
  const codecs = new Map<number, Decompress>([[1, capped(zlib.gunzipSync)]])
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: ZlibDecompress }
  if (zstdDecompressSync !== undefined) codecs.set(4, capped(zstdDecompressSync))
  for (const [number, { name }] of Object.entries(KNOWN_CODECS)) {
    const specifier = modules[name]
    if (specifier !== undefined) codecs.set(Number(number), await loadCodec(name, specifier, limit))
  }
  return codecs
}
