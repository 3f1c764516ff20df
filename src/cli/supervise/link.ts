import { STOP_SIGNALS, type StopSignal } from '../stop-signals.js'
import type { FromPool, ToPool } from './messages.js'

type Channel = Pick<NodeJS.Process, 'on' | 'off' | 'send' | 'connected' | 'exit'>

/**
 * The pool's end of the channel to its supervisor, from which its stops come. A signal of its own is the first wish to stop
 * and nothing else: Ctrl-C and systemd signal both processes, and only one of them may count how often. When the supervisor
 * is gone the pool stops, too.
 */
export class SupervisorLink {
  readonly #channel: Channel
  #stop: ((signal: StopSignal | null) => void) | null = null
  /** What came before somebody wanted to hear it. */
  #asked: { readonly signal: StopSignal | null } | null = null

  constructor(channel: Channel = process) {
    this.#channel = channel
    channel.on('message', (message: ToPool) => {
      if (message.type === 'end') channel.exit(message.code)
      else this.#ask(message.signal)
    })
    channel.on('disconnect', () => this.#ask(null))
    if (channel.connected !== true) this.#ask(null)
  }

  /** Resolves when it is sent, or nobody is there to hear it. */
  async say(message: FromPool): Promise<void> {
    const channel = this.#channel
    if (channel.connected !== true) return
    await new Promise<void>((resolve) => {
      channel.send?.(message, undefined, undefined, () => resolve())
    })
  }

  /**
   * Calls `stop` once, with the signal, or with null when the supervisor is gone; at once when that was so before.
   *
   * @returns gives the signals back to Node
   */
  onStop(stop: (signal: StopSignal | null) => void): () => void {
    this.#stop = stop
    const listener = (signal: StopSignal) => this.#ask(signal)
    for (const signal of STOP_SIGNALS) this.#channel.on(signal, listener)
    if (this.#asked !== null) stop(this.#asked.signal)
    return () => {
      for (const signal of STOP_SIGNALS) this.#channel.off(signal, listener)
    }
  }

  #ask(signal: StopSignal | null): void {
    if (this.#asked !== null) return
    this.#asked = { signal }
    this.#stop?.(signal)
  }
}
