import { dirname } from 'node:path'
import { defaultLoaders, type LilconfigResult, type Loader, lilconfig } from 'lilconfig'
import { ConfigError, PoolError } from '../errors.js'
import { anchorPaths } from './layers/anchor-paths.js'
import type { ConsumerPoolOptions } from './options.js'

const NAME = 'kafka-consumer-pool'

const FORMS = ['json', 'js', 'cjs', 'mjs']

/** In each folder, in this order. */
const SEARCH_PLACES: string[] = [
  'package.json',
  ...FORMS.map((form) => `.${NAME}rc.${form}`),
  `.config/${NAME}rc`,
  ...FORMS.map((form) => `.config/${NAME}rc.${form}`),
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

/** Errors of a file name the file, which the loaders' own do not. */
const named =
  (load: Loader): Loader =>
  async (filepath, content) => {
    try {
      return await load(filepath, content)
    } catch (cause) {
      throw invalid(filepath, `cannot be read: ${reasonOf(cause)}`, cause)
    }
  }

const find = async (path: string | undefined): Promise<LilconfigResult> => {
  const loaders = Object.fromEntries(Object.entries(defaultLoaders).map(([ext, load]) => [ext, named(load)]))
  const finder = lilconfig(NAME, { loaders, searchPlaces: SEARCH_PLACES, cache: false, ignoreEmptySearchPlaces: false })
  if (path === undefined) return await finder.search()
  try {
    return await finder.load(path)
  } catch (cause) {
    if (cause instanceof PoolError) throw cause
    const missing = (cause as { code?: unknown }).code === 'ENOENT'
    const remedy = missing
      ? 'does not exist. Check the path'
      : `cannot be read: ${reasonOf(cause)}. Use .json, .js, .mjs or .cjs`
    throw invalid(path, remedy, cause)
  }
}

/**
 * Loads the options from a file: the given one, or the one found from the working directory upwards
 * (`kafka-consumer-pool.config.js` or `.json`, `.kafka-consumer-poolrc.json`, the key `kafka-consumer-pool` of a package.json, …).
 * Handlers, modules and PEM files in it are relative to the file.
 *
 * @returns null when no path was given and no file was found
 * @throws ConfigError when the file is missing, cannot be read or holds no options
 */
export const loadConfigFile = async (path?: string): Promise<LoadedConfigFile | null> => {
  const found = await find(path)
  if (found === null) return null
  const { filepath } = found
  // `any` in the library's types
  const options: unknown = found.config
  if (options === undefined || options === null) {
    const where = filepath.endsWith('package.json') ? `has no key "${NAME}"` : 'is empty'
    throw invalid(filepath, `${where}. Put the options of the pool there (a .js file exports them as default)`)
  }
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw invalid(
      filepath,
      `holds ${Array.isArray(options) ? 'an array' : `a ${typeof options}`}. Put an object of options there`,
    )
  }
  return { filepath, options: anchorPaths(options, dirname(filepath)) }
}
