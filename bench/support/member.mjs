import { fork } from 'node:child_process'
import { once } from 'node:events'

const ENTRY = new URL('member-process.mjs', import.meta.url)
const START_MS = 180_000

/** A process with a pool that the program starts, asks, stops and kills. */
export class Member {
  #child
  #exited

  constructor(task) {
    this.#child = fork(ENTRY, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#exited = once(this.#child, 'exit')
    this.#exited.catch(() => {})
  }

  /** @returns what it says when its pool has started: generations and assignment by slot */
  static async start(task) {
    const member = new Member(task)
    member.ready = await member.#answer('ready')
    return member
  }

  get pid() {
    return this.#child.pid
  }

  async status() {
    this.#child.send({ type: 'status' })
    return this.#answer('status')
  }

  async scale(slots) {
    this.#child.send({ type: 'scale', slots })
    return this.#answer('scale')
  }

  /** As a service manager ends it. */
  async stop() {
    this.#child.kill('SIGTERM')
    await this.#exited
  }

  /** As the kernel ends it. */
  async kill() {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #answer(type) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`a process did not say "${type}" in time`)), START_MS)
      this.#exited.then(([code, signal]) => reject(new Error(`a process ended (${signal ?? code})`)))
      const hear = (message) => {
        if (message.type !== type) return
        clearTimeout(timer)
        this.#child.off('message', hear)
        resolve(message)
      }
      this.#child.on('message', hear)
    })
  }
}
