import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'

/**
 * Of a host with several addresses Node gives each but the last a quarter of a second by the clock, without a look at
 * whether it has answered (RFC 8305). On a thread that a handler blocks for longer it gives up on all of them that way,
 * again and again, and only the last one counts. So an address on which it gave up is all that it gets to know of that
 * host the next time: whom it may go on to is what makes it hurry.
 */
export class PatientLookup {
  readonly #resolve: LookupFunction
  /** By host, those on which Node gave up since the host was last reached. */
  readonly #givenUp = new Map<string, string[]>()

  constructor(resolve: LookupFunction) {
    this.#resolve = resolve
  }

  /** For option `lookup` of a socket. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.#resolve(host, options, (error, found, family) => {
      if (error !== null || typeof found === 'string') callback(error, found, family)
      else callback(null, this.#choose(host, found))
    })
  }

  gaveUp(host: string, address: string): void {
    const others = this.#givenUp.get(host) ?? []
    this.#givenUp.set(host, [...others.filter((other) => other !== address), address])
  }

  reached(host: string): void {
    this.#givenUp.delete(host)
  }

  /** Each of them once, then all of the host's addresses again. */
  #choose(host: string, found: LookupAddress[]): LookupAddress[] {
    const address = this.#givenUp.get(host)?.shift()
    const alone = found.find((candidate) => candidate.address === address)
    return alone === undefined ? found : [alone]
  }
}
