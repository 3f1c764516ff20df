import { type LookupAddress, lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { after } from '../../util/timers.js'

/** How long the resolver is waited for where its last answer is known. */
const PATIENCE_MS = 250
/** Hosts whose answers are kept, the latest. */
const MOST_HOSTS = 1_000

/** The addresses of a host: all of them, or one and its family. */
interface Answer {
  readonly found: string | LookupAddress[]
  readonly family: number | undefined
}

/**
 * Remembers the addresses of hosts. Node resolves names on the four threads that the whole process has for native work
 * (`UV_THREADPOOL_SIZE`), and handlers that hash or compress keep them busy for seconds; a connection cannot wait for that
 * when a session depends on it. So the resolver is asked each time, but where it does not answer soon, or cannot, its
 * last answer is as good: whoever listens there no more is found out by connecting. What it says at last counts the next
 * time, so a broker that has moved (a pod with a new IP) is found as soon as the resolver can be heard.
 */
export class RememberedLookup {
  readonly #resolve: LookupFunction
  /** The host that was asked for last stands last. */
  readonly #known = new Map<string, Answer>()
  /** Questions to the resolver that are under way. */
  readonly #asked = new Map<string, Promise<Answer>>()

  /** @param resolve @default the operating system's resolver */
  constructor(resolve: LookupFunction = lookup) {
    this.#resolve = resolve
  }

  /** For option `lookup` of a socket. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    // One family, or all addresses: these are different answers.
    const key = JSON.stringify([host, options])
    const known = this.#known.get(key)
    let isAnswered = false
    const answer = (error: NodeJS.ErrnoException | null, { found, family }: Answer): void => {
      if (isAnswered) return
      isAnswered = true
      clearTimeout(impatient)
      callback(error, found, family)
    }
    const impatient = known && after(() => answer(null, known), PATIENCE_MS)
    this.#ask(key, () => this.#askResolver(host, options)).then(
      (fresh) => answer(null, fresh),
      (error: NodeJS.ErrnoException) => {
        const isGone = error.code === 'ENOTFOUND'
        if (isGone) this.#known.delete(key)
        if (known !== undefined && !isGone) answer(null, known)
        else answer(error, { found: [], family: undefined })
      },
    )
  }

  /** Whoever asks the same meanwhile waits for the same answer: more questions would only lengthen the queue. */
  #ask(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const asked = this.#asked.get(key)
    if (asked !== undefined) return asked
    const question = ask()
      .then((answer) => {
        this.#remember(key, answer)
        return answer
      })
      .finally(() => this.#asked.delete(key))
    this.#asked.set(key, question)
    return question
  }

  #askResolver(host: string, options: Parameters<LookupFunction>[1]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve(host, options, (error, found, family) => {
        if (error === null) resolve({ found, family })
        else reject(error)
      })
    })
  }

  #remember(key: string, answer: Answer): void {
    this.#known.delete(key)
    this.#known.set(key, answer)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MOST_HOSTS && oldest !== undefined) this.#known.delete(oldest)
  }
}
