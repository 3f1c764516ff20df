import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** What the demo was called with. */
export interface DemoArguments {
  readonly folder: string
  /** False for the installed dependencies, of which only the source files are taken. */
  readonly everyFile: boolean
  /** How long the pool shall work, in milliseconds. */
  readonly budgetMs: number
}

/** The demo was called with something that makes no sense; the message says what. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

const DEPENDENCIES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const USAGE = 'Usage: npm run demo -- [folder] [--seconds 65]'

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { seconds: { type: 'string', default: '65' } },
    })
  } catch (error) {
    throw new ArgumentError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
  }
}

/** @throws ArgumentError */
export const demoArguments = (args: readonly string[]): DemoArguments => {
  const { values, positionals } = parse(args)
  const [folder, ...others] = positionals
  const seconds = Number(values.seconds)
  if (others.length > 0) throw new ArgumentError(`One folder, please, not ${positionals.length}.\n${USAGE}`)
  if (!(seconds >= 1 && seconds <= 3_600))
    throw new ArgumentError(`--seconds: expected 1 to 3600, got ${values.seconds}`)
  if (folder !== undefined && statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ArgumentError(`${folder} is no folder.\n${USAGE}`)
  }
  return { folder: resolve(folder ?? DEPENDENCIES), everyFile: folder !== undefined, budgetMs: seconds * 1_000 }
}
