import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ErrorCode, PoolError } from '../errors.js'
import { isNoTypeScript, noTypeScript } from '../util/no-typescript.js'
import { within } from '../util/within.js'

/** What bounds the import of a module. */
export interface ImportLimit {
  /** Option `loadTimeoutMs`. @default 60 s */
  readonly timeoutMs?: number
  /** Aborted when nobody waits for the module any more. */
  readonly signal?: AbortSignal
}

const TIMEOUT_MS = 60_000

/** What a module exports: its default export (of a CommonJS module: `module.exports`) and everything by name. */
export interface LoadedModule {
  readonly default: unknown
  readonly named: Readonly<Record<string, unknown>>
}

const packageUrl = (name: string): string => {
  // First as the application sees it, which is not always how this package does (strict node_modules layouts).
  try {
    return pathToFileURL(createRequire(join(process.cwd(), 'application.js')).resolve(name)).href
  } catch {
    return name
  }
}

const toUrl = (specifier: string): string => {
  if (/^(file|data|node):/.test(specifier)) return specifier
  if (isAbsolute(specifier)) return pathToFileURL(specifier).href
  if (/^\.\.?[/\\]/.test(specifier)) return pathToFileURL(join(process.cwd(), specifier)).href
  return packageUrl(specifier)
}

const loadAdvice = (specifier: string, cause: unknown): string => {
  const code = String((cause as { readonly code?: unknown } | null)?.code)
  if (isNoTypeScript(specifier, code)) return noTypeScript('it')
  return code.startsWith('ERR_') || code.endsWith('MODULE_NOT_FOUND')
    ? 'Give a package that is installed, a file URL, or a path from the working directory'
    : 'That is what it throws while it is imported'
}

const notThere = (specifier: string, option: string, timeoutMs: number, signal?: AbortSignal): PoolError => {
  const what = `the module "${specifier}" of option ${option} was not loaded`
  if (signal?.aborted === true) return new PoolError(ErrorCode.poolStopped, `${what} when nobody needed it any more`)
  const advice = 'Look what it waits for while it is imported, or raise loadTimeoutMs'
  return new PoolError(ErrorCode.moduleNotUsable, `${what} after ${timeoutMs / 1_000} s. ${advice}`)
}

/**
 * Imports a module that the configuration names: a file URL, a path (relative to the working directory) or a package.
 *
 * @param option the option that names it, for the error
 * @throws PoolError KCP_MODULE_NOT_USABLE; KCP_POOL_STOPPED when `signal` was aborted before it was there
 */
export const loadModule = async (
  specifier: string,
  option: string,
  { timeoutMs = TIMEOUT_MS, signal }: ImportLimit = {},
): Promise<LoadedModule> => {
  const importing: Promise<Record<string, unknown>> = import(toUrl(specifier))
  if (!(await within(importing, timeoutMs, signal))) throw notThere(specifier, option, timeoutMs, signal)
  try {
    const named = await importing
    return { default: named.default, named }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PoolError(
      ErrorCode.moduleNotUsable,
      `the module "${specifier}" of option ${option} cannot be loaded: ${reason}. ${loadAdvice(specifier, cause)}`,
      { cause },
    )
  }
}

/**
 * Imports a function: the default export, or the one named like the option's last part.
 *
 * @throws PoolError KCP_MODULE_NOT_USABLE
 */
export const loadFunction = async (
  specifier: string,
  option: string,
  limit?: ImportLimit,
): Promise<(...args: unknown[]) => unknown> => {
  const module = await loadModule(specifier, option, limit)
  const name = option.slice(option.lastIndexOf('.') + 1)
  for (const candidate of [module.named[name], module.default]) {
    if (typeof candidate === 'function') return candidate as (...args: unknown[]) => unknown
  }
  throw new PoolError(
    ErrorCode.moduleNotUsable,
    `the module "${specifier}" of option ${option} exports no function. Export one as default or as "${name}"`,
  )
}
