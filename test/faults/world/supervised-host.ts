import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createWriteStream, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { deserialize, serialize } from 'node:v8'
import { deferred } from '#src/util/deferred.js'
import { BIN } from '../../support/pool/command.js'
import { type AskProcess, askProcess } from '../../support/pool/process-client.js'
import type { Host, HostOptions } from './host.js'

const POOL = new URL('./supervised-pool.mjs', import.meta.url).href

/** The socket of one pool's process, as a channel. */
class Link extends EventEmitter {
  readonly ask: AskProcess
  readonly #socket: Socket
  pid = -1
  isStarted = false

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    this.ask = askProcess(this)
    socket.on('error', () => undefined)
    socket.once('close', () => this.emit('exit', null, 'its socket is closed'))
    const lines = createInterface(socket).on('error', () => undefined) // the socket's
    lines.on('line', (line) => {
      const message = deserialize(Buffer.from(line, 'base64'))
      if (message.type === 'born') this.pid = message.pid
      if (message.type === 'started') this.isStarted = true
      this.emit(message.type === 'answer' ? 'message' : 'told', message)
    })
  }

  send(message: object, done: (error: Error | null) => void): void {
    this.#socket.write(`${serialize(message).toString('base64')}\n`, (error) => done(error ?? null))
  }
}

/** `kafka-consumer-pool run --supervise`, and the process in which its pool is just now. */
export class SupervisedHost implements Host {
  readonly exited: Promise<number | string>
  readonly #server: Server
  readonly #child: ChildProcess
  readonly #started = deferred<void>()
  #link: Link | null = null

  constructor({ name, pool, file, env }: HostOptions) {
    const socket = file('sock')
    const config = file('config.mjs')
    this.#server = createServer((connected) => this.#join(new Link(connected)))
    this.#server.listen(socket)
    const args = [name, file('events'), socket].map((arg) => JSON.stringify(arg)).join(', ')
    const options = JSON.stringify(pool)
    writeFileSync(config, `import { followed } from '${POOL}'\nfollowed(${args})\nexport default ${options}\n`)
    this.#child = spawn(process.execPath, ['--expose-gc', BIN, 'run', '--config', config, '--supervise'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    const log = createWriteStream(file('log'))
    this.#child.stdout?.pipe(log, { end: false })
    this.#child.stderr?.pipe(log, { end: false })
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      log.end()
      this.#server.close()
      this.#started.reject(new Error(`the supervisor ended (${code ?? signal})`))
      return code ?? signal
    })
  }

  get pid(): number {
    return this.#link?.pid ?? -1
  }

  get isStarted(): boolean {
    return this.#link?.isStarted ?? false
  }

  readonly ask: AskProcess = async (order, more) => {
    if (this.#link === null) throw new Error('there is no pool just now')
    return this.#link.ask(order, more)
  }

  start(): Promise<void> {
    return this.#started.promise
  }

  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #join(link: Link): void {
    this.#link = link
    link.on('told', () => {
      if (link.isStarted) this.#started.resolve()
    })
    link.once('exit', () => {
      if (this.#link === link) this.#link = null
    })
  }
}
