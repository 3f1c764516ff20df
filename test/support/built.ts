import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

const isThere = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The text of the file as it is now; undefined when it was moved. */
const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * The source files that are others than those of which the code of threads was made: each source map has the text of its
 * sources.
 *
 * @param threads the folder that `scripts/bundle-threads.mjs` writes
 * @returns null when there is no such code
 */
export const changedSince = (threads: string): string[] | null => {
  const maps = isThere(threads).filter((file) => file.endsWith('.js.map'))
  if (maps.length === 0) return null
  return maps.flatMap((map) => {
    const { sources, sourcesContent } = JSON.parse(readFileSync(join(threads, map), 'utf8')) as {
      sources: string[]
      sourcesContent: string[]
    }
    const paths = sources.map((source) => join(threads, source))
    return paths.filter((path, index) => textOf(path) !== sourcesContent[index])
  })
}

/** Tests with threads run what is in `dist/threads`, which `tsc` alone leaves as it was: they would judge the code of before. */
export default (): void => {
  const changed = changedSince(join(root, 'dist', 'threads'))
  if (changed?.length === 0) return
  const what = changed === null ? 'is missing' : `is older than ${changed.slice(0, 3).join(', ')}`
  throw new Error(`What threads run (dist/threads) ${what}. Run \`npm run build\` first`)
}
