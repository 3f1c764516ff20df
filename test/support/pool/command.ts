import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { until } from '#scripts/support/until.js'

/** The compiled command, for Node. */
export const BIN = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url))

interface Line {
  readonly level: number
  readonly pid: number
  readonly msg: string
}

/** A running command, and what it has written up to now. */
export class Command {
  readonly child: ChildProcessWithoutNullStreams
  readonly #exit: Promise<number | string>
  stdout = ''
  stderr = ''

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env } })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
    })
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  /** The exit code, or the signal that ended it. */
  get exit(): Promise<number | string> {
    return this.#exit
  }

  /** Standard output as pino's lines; throws when a line is no JSON. */
  get lines(): Line[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
  }

  logged(msg: string): Promise<unknown> {
    const look = () => this.lines.some((line) => line.msg.startsWith(msg))
    return until(look, { what: `the log line "${msg}"`, deadlineMs: 30_000 })
  }
}

/** A folder with a handler module, which finds the folder in `FOLDER`. */
export const handlerIn = (source: string): { folder: string; handler: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'command-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const handler = join(folder, 'handler.mjs')
  writeFileSync(handler, `const FOLDER = ${JSON.stringify(folder)}\n${source}`)
  return { folder, handler }
}
