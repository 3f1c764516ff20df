import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ConsumerPoolOptions } from '#src/index.js'
import { type AskProcess, askProcess } from '../../support/pool/process-client.js'
import type { Host, HostOptions } from './host.js'

const MODULE = fileURLToPath(new URL('./member-process.mjs', import.meta.url))

/** A program that has a pool. */
export class ForkedHost implements Host {
  readonly exited: Promise<number | string>
  readonly ask: AskProcess
  readonly #pool: ConsumerPoolOptions
  readonly #child: ChildProcess
  #isStarted = false

  constructor({ name, pool, file, env }: HostOptions) {
    this.#pool = pool
    this.#child = fork(MODULE, [name, file('events')], {
      execArgv: ['--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env,
    })
    const log = createWriteStream(file('log'))
    this.#child.stdout?.pipe(log, { end: false })
    this.#child.stderr?.pipe(log, { end: false })
    this.ask = askProcess(this.#child)
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      log.end()
      return code ?? signal
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  async start(): Promise<void> {
    await this.ask('start', { options: this.#pool })
    this.#isStarted = true
  }

  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
