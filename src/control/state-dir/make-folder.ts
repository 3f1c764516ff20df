import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder with those above it. (`recursive: true` never comes back where the file system says ENOENT although the
 * folder above is there, as /proc does.)
 */
export const makeFolder = (path: string): void => {
  if (existsSync(path)) return
  const above = dirname(path)
  if (above !== path) makeFolder(above)
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error // somebody else was faster
  }
}
