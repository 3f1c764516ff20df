import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { extname, join, relative } from 'node:path'

export interface Document {
  readonly path: string
  readonly bytes: number
}

const MAX_BYTES = 256 * 1024

/** What counts as a source file among the installed dependencies. */
const SOURCES = new Set(['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts', '.json', '.md', '.map', '.yml'])

const digest = (text: string): string => createHash('sha1').update(text).digest('hex')

/**
 * The files below a folder that are neither empty nor over 256 KiB; hidden ones and links are left out.
 *
 * Their order looks random and is the same every time (that of a hash of the path), so that any number of them from the
 * front is a fair sample of all.
 *
 * @param every false for the source files only
 */
export const findDocuments = (folder: string, every: boolean): Document[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && (every || SOURCES.has(extname(entry.name))))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(folder, path).replaceAll('\\', '/') }))
    .filter(({ name }) => !/(?:^|\/)\./.test(name))
    .map(({ path, name }) => ({ path, bytes: statSync(path).size, order: digest(name) }))
    .filter(({ bytes }) => bytes > 0 && bytes <= MAX_BYTES)
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ path, bytes }) => ({ path, bytes }))
