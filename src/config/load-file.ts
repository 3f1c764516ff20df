import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defaultLoaders, type LilconfigResult, type Loader, lilconfig } from 'lilconfig'
import { ConfigError, PoolError } from '../errors.js'
import { isNoTypeScript, noTypeScript } from '../util/no-typescript.js'
import { syntaxPlace } from '../util/syntax-place.js'
import { within } from '../util/within.js'
import { anchorPaths } from './layers/anchor-paths.js'
import { isPlainObject } from './layers/read-layer.js'
import type { ConsumerPoolOptions } from './options.js'

const NAME = 'kafka-consumer-pool'

const MODULES = ['js', 'cjs', 'mjs', 'ts', 'mts']

const FORMS = ['json', ...MODULES]

const LOAD_LIMIT_MS = 60_000

/** In each folder, in this order. */
const SEARCH_PLACES: string[] = [
  'package.json',
  ...FORMS.map((form) => `.${NAME}rc.${form}`),
  ...FORMS.map((form) => `${NAME}.config.${form}`),
]

/** A configuration file that was found. Its options are not checked yet. */
export interface LoadedConfigFile {
  /** Absolute path of the file. */
  readonly filepath: string
  /** What it holds; paths in it that were relative to the file are absolute. */
  readonly options: ConsumerPoolOptions
}

const invalid = (filepath: string, what: string, cause?: unknown): ConfigError => {
  const message = `The configuration file ${filepath} ${what}`
  return new ConfigError(message, [{ path: '', message }], { cause })
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const isModule = (filepath: string): boolean => MODULES.includes(extname(filepath).slice(1))

const adviceFor = (filepath: string, error: unknown): string => {
  if (isNoTypeScript(filepath, (error as { code?: unknown } | null)?.code)) return noTypeScript('the configuration')
  const isSyntax = error instanceof SyntaxError && isModule(filepath) // JSON says where itself
  return `${reasonOf(error)}${isSyntax ? syntaxPlace(filepath, error.stack) : ''}`
}

/** Errors of a file name the file, which the loaders' own do not; one whose import never ends is an error, too. */
const named =
  (load: Loader, limitMs: number): Loader =>
  async (filepath, content) => {
    const loading = (async () => load(filepath, content))() // JSON's throws at once
    if (!(await within(loading, limitMs))) {
      throw invalid(filepath, `was not loaded within ${limitMs / 1_000} s. Look what its import waits for`)
    }
    try {
      return await loading
    } catch (cause) {
      throw invalid(filepath, `cannot be read: ${adviceFor(filepath, cause)}`, cause)
    }
  }

/**
 * lilconfig's own loader would `require` what cannot be imported: the reason is lost, and CommonJS runs twice. Compilers
 * that emit CommonJS put the default export one level deeper.
 */
const importModule: Loader = async (filepath) => {
  const { default: options } = await import(pathToFileURL(filepath).href)
  return options?.__esModule === true ? options.default : options
}

const find = async (path: string | undefined, limitMs: number): Promise<LilconfigResult> => {
  const all = { ...defaultLoaders, ...Object.fromEntries(MODULES.map((form) => [`.${form}`, importModule])) }
  const loaders = Object.fromEntries(Object.entries(all).map(([ext, load]) => [ext, named(load, limitMs)]))
  const finder = lilconfig(NAME, { loaders, searchPlaces: SEARCH_PLACES, cache: false, ignoreEmptySearchPlaces: false })
  if (path === undefined) return await finder.search()
  try {
    return await finder.load(path)
  } catch (cause) {
    if (cause instanceof PoolError) throw cause
    const missing = (cause as { code?: unknown }).code === 'ENOENT'
    const remedy = missing
      ? 'does not exist. Check the path'
      : `cannot be read: ${reasonOf(cause)}. Use .json, .js, .mjs, .cjs, .ts or .mts`
    throw invalid(resolve(path), remedy, cause)
  }
}

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  // Not every object has inherited one, and not every class has a name.
  const maker: unknown = value?.constructor
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' ? 'an object with a prototype of its own' : `an instance of ${name}`
}

const whatIsMissing = (filepath: string): string => {
  if (filepath.endsWith('package.json')) return `has no key "${NAME}"`
  return isModule(filepath) ? 'exports nothing as default' : 'is empty'
}

/**
 * Loads the options from a file: the given one, or the one found from the working directory upwards
 * (`kafka-consumer-pool.config.js` or `.json`, `.kafka-consumer-poolrc.json`, the key `kafka-consumer-pool` of a package.json, …).
 * Handlers, modules and PEM files in it are relative to the file.
 *
 * @param limitMs how long its import may take
 * @returns null when no path was given and no file was found
 * @throws ConfigError when the file is missing, cannot be read in time or holds no options
 */
export const loadConfigFile = async (path?: string, limitMs = LOAD_LIMIT_MS): Promise<LoadedConfigFile | null> => {
  const found = await find(path, limitMs)
  if (found === null) return null
  const { filepath } = found
  // `any` in the library's types
  const options: unknown = found.config
  if (options === undefined || options === null) {
    throw invalid(filepath, `${whatIsMissing(filepath)}. Put the options of the pool there`)
  }
  if (!isPlainObject(options)) throw invalid(filepath, `holds ${kindOf(options)}. Put a plain object of options there`)
  return { filepath, options: anchorPaths(options, dirname(filepath)) }
}
