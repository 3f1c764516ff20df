import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const isPath = (text: string): boolean => isAbsolute(text) || /^\.\.?(?:[/\\]|$)/.test(text)

/**
 * What a thread can import from anywhere: paths (`./x.js`, `/x.js`) become file URLs, URL objects text; names of
 * packages stay. Anything but text and URLs comes back as it is.
 *
 * @param directory what a relative path is relative to
 */
export const moduleSpecifier = (value: unknown, directory: string = process.cwd()): unknown => {
  if (value instanceof URL) return value.href
  if (typeof value !== 'string' || !isPath(value)) return value
  return pathToFileURL(resolve(directory, value)).href
}

const MODULES = /(?:^|\.)(?:codecs\.[^.]+|sasl\.(?:oauthBearerProvider|authenticationProvider))$/

/** Whether the option of that path (`kafka.codecs.snappy`, `sasl.oauthBearerProvider`) names a module. */
export const namesModule = (path: string): boolean => MODULES.test(path)

/**
 * The module of a handler as a file URL, or `undefined` when the value can name none. Unlike a package name, a bare
 * `handler.js` is a path.
 */
export const handlerUrl = (value: unknown, directory: string = process.cwd()): string | undefined => {
  const text = value instanceof URL ? value.href : value
  if (typeof text !== 'string' || text === '') return undefined
  if (text.startsWith('file:')) return URL.canParse(text) ? new URL(text).href : undefined
  return /^[a-z][a-z0-9+.-]+:/i.test(text) && !isAbsolute(text)
    ? undefined
    : pathToFileURL(resolve(directory, text)).href
}
