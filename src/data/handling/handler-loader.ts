import { type Stats, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ErrorCode, PoolError } from '../../errors.js'
import { type ErrorData, toErrorData } from '../../protocol/error-data.js'
import { isNoTypeScript, noTypeScript } from '../../util/no-typescript.js'
import { syntaxPlace } from '../../util/syntax-place.js'
import type { Handler, HandlerModule, Setup, Teardown } from '../handler.js'

const isFunction = (value: unknown): value is Handler => typeof value === 'function'

const read = (from: unknown, name: string): unknown =>
  (typeof from === 'object' && from !== null) || typeof from === 'function'
    ? (from as unknown as Record<string, unknown>)[name]
    : undefined

/**
 * What the exports of the source may be in, the outermost first: compilers that emit CommonJS put its default export one
 * level deeper.
 */
const layersOf = (exports: unknown): readonly unknown[] => {
  const main = read(exports, 'default')
  return [exports, main, read(main, 'default')]
}

/** The handler among a module's exports: the default export, or one named `handler`. */
const pickHandler = (exports: unknown): Handler | undefined =>
  layersOf(exports)
    .flatMap((layer) => [read(layer, 'default'), read(layer, 'handler')])
    .find(isFunction)

/** What a function is that can be called, or not even that, without its code being run; `undefined` for all others. */
const kindOfSham = (handler: Handler): string | undefined => {
  if (/Generator/.test(Object.prototype.toString.call(handler))) {
    return 'a generator function, whose code runs only when somebody iterates over what it returns, so a call does nothing'
  }
  return /^class[\s{]/.test(Function.prototype.toString.call(handler)) ? 'a class, which cannot be called' : undefined
}

const notAFunction = (url: string, what: string): PoolError =>
  new PoolError(
    ErrorCode.handlerNotAFunction,
    `The handler module ${url} exports ${what}: write \`export default (message, context) => { … }\``,
  )

/** `setup` or `teardown`, which a CommonJS module may have set on its exports, or on the function that it exports. */
const pickHook = <Hook extends Setup | Teardown>(exports: unknown, name: string, url: string): Hook | undefined => {
  const hook = layersOf(exports)
    .map((layer) => read(layer, name))
    .find((found) => found !== undefined && found !== null)
  if (hook === undefined) return undefined
  const sham = isFunction(hook) ? kindOfSham(hook) : 'no function'
  if (sham === undefined) return hook as Hook
  throw new PoolError(
    ErrorCode.handlerNotAFunction,
    `The handler module ${url} exports \`${name}\`, which is ${sham}: ${name} is called by the pool, so give the export another name or write \`export const ${name} = async () => { … }\``,
  )
}

const HOOKS: readonly string[] = ['setup', 'teardown']

/** `Setup` or `tearDown`, which would never be called. */
const refuseMisspeltHook = (exports: unknown, url: string): void => {
  const found = layersOf(exports).flatMap((layer) => Object.entries(layer ?? {}))
  const names = found.map(([name]) => name)
  const [misspelt] =
    found.find(([name, value]) => {
      const meant = name.toLowerCase()
      if (!HOOKS.includes(meant) || names.includes(meant)) return false
      return typeof value === 'function' && kindOfSham(value as Handler) === undefined // no class, no constant
    }) ?? []
  if (misspelt === undefined) return
  throw new PoolError(
    ErrorCode.handlerNotAFunction,
    `The handler module ${url} exports \`${misspelt}\`, which nobody calls: name it \`${misspelt.toLowerCase()}\``,
  )
}

const EXTENSIONS: readonly string[] = ['.mjs', '.js', '.cjs', '.mts', '.ts']

const fileAt = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

/** The path without its extension, or with another one: `import` adds none, as `require` does. */
const neighbourOf = (path: string): string | undefined => {
  const stem = path.replace(/\.[cm]?[jt]s$/, '')
  return EXTENSIONS.map((extension) => stem + extension).find((other) => fileAt(other)?.isFile() === true)
}

const requireFile = (url: string): void => {
  if (!url.startsWith('file:')) return
  const path = fileURLToPath(url)
  const found = fileAt(path)
  if (found?.isFile() === true) return
  const neighbour = neighbourOf(path)
  const advice =
    found?.isDirectory() === true
      ? 'that is a folder. Name the file in it'
      : 'check the path, and that the file was compiled to where it is expected'
  throw new PoolError(
    ErrorCode.handlerNotFound,
    neighbour === undefined
      ? `There is no handler module ${path}: ${advice}`
      : `There is no handler module ${path}. Did you mean ${neighbour}?`,
  )
}

/** What to do about an error that is not the module's own fault, and where one is that does not say so itself. */
const importAdvice = (url: string, error: ErrorData): string => {
  if (isNoTypeScript(url, error.code)) {
    return `. ${noTypeScript('the handler')} (what the program itself registers with register() does not reach threads)`
  }
  const isEsmTakenForCommonJs = /^(Cannot use import statement outside a module|Unexpected token 'export')/
  if (error.name === 'SyntaxError' && isEsmTakenForCommonJs.test(error.message)) {
    return '. Node takes the file for CommonJS: name it .mjs, or set "type": "module" in its package.json'
  }
  return error.name === 'SyntaxError' && url.startsWith('file:') ? syntaxPlace(fileURLToPath(url), error.stack) : ''
}

const importModule = async (url: string): Promise<unknown> => {
  try {
    return await import(url)
  } catch (cause) {
    const error = toErrorData(cause)
    throw new PoolError(
      ErrorCode.handlerThrewOnImport,
      `The handler module ${url} could not be loaded: ${error.message}${importAdvice(url, error)}`,
      { cause },
    )
  }
}

/**
 * Loads the user's handler, and `setup` and `teardown` of its module.
 *
 * @param url of the module
 * @throws {PoolError} `KCP_HANDLER_NOT_FOUND`, `KCP_HANDLER_THREW_ON_IMPORT` (the original is its `cause`) or
 *   `KCP_HANDLER_NOT_A_FUNCTION`
 */
export const loadHandler = async (url: string): Promise<HandlerModule> => {
  requireFile(url)
  const exports = await importModule(url)
  const handler = pickHandler(exports)
  if (handler === undefined) {
    const names = Object.keys(exports as object)
    const rest = names.length === 0 ? 'nothing' : names.join(', ')
    throw notAFunction(url, `no function as default or as \`handler\` (it exports ${rest})`)
  }
  const sham = kindOfSham(handler)
  if (sham !== undefined) throw notAFunction(url, sham)
  refuseMisspeltHook(exports, url)
  const setup = pickHook<Setup>(exports, 'setup', url)
  const teardown = pickHook<Teardown>(exports, 'teardown', url)
  return { handler, ...(setup === undefined ? {} : { setup }), ...(teardown === undefined ? {} : { teardown }) }
}
