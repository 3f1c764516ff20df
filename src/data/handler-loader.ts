import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PoolError } from '../errors.js'
import { toErrorData } from '../protocol/error-data.js'
import type { Handler } from './handler.js'

const isFunction = (value: unknown): value is Handler => typeof value === 'function'

const read = (from: unknown, name: string): unknown =>
  typeof from === 'object' && from !== null ? (from as Record<string, unknown>)[name] : undefined

/**
 * The handler among a module's exports: the default export, or one named `handler`. Compilers that emit CommonJS put
 * the default export of the source one level deeper.
 */
export const pickHandler = (exports: unknown): Handler | undefined => {
  const main = read(exports, 'default')
  return [main, read(exports, 'handler'), read(main, 'default'), read(main, 'handler')].find(isFunction)
}

const requireFile = (url: string): void => {
  if (!url.startsWith('file:')) return
  if (statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true) return
  throw new PoolError(
    'KCP_HANDLER_NOT_FOUND',
    `There is no handler module ${fileURLToPath(url)}: check the path, and that the file was compiled to where it is expected`,
  )
}

const importModule = async (url: string): Promise<unknown> => {
  try {
    return await import(url)
  } catch (error) {
    throw new PoolError(
      'KCP_HANDLER_THREW_ON_IMPORT',
      `The handler module ${url} could not be loaded: ${toErrorData(error).message}`,
      { cause: error },
    )
  }
}

/**
 * Loads the user's handler.
 *
 * @param url of the module
 * @throws {PoolError} `KCP_HANDLER_NOT_FOUND`, `KCP_HANDLER_THREW_ON_IMPORT` (the original is its `cause`) or
 *   `KCP_HANDLER_NOT_A_FUNCTION`
 */
export const loadHandler = async (url: string): Promise<Handler> => {
  requireFile(url)
  const exports = await importModule(url)
  const handler = pickHandler(exports)
  if (handler !== undefined) return handler
  const names = Object.keys(exports as object)
  throw new PoolError(
    'KCP_HANDLER_NOT_A_FUNCTION',
    `The handler module ${url} exports no function as default or as \`handler\` ` +
      `(it exports ${names.length === 0 ? 'nothing' : names.join(', ')}): write \`export default (message, context) => { … }\``,
  )
}
