import type { Address } from './address.js'
import { Deadline } from './deadline.js'

/** How long an address is waited for alone. */
const HEAD_START_MS = 1_000

const NOTHING = { steps: 0, bytes: 0 }

/**
 * Asks the addresses in order: the next one when one has failed, and also when it has not answered for a second. So one
 * that is silent holds nobody up, and a host that answers is not passed over for one that stands behind it.
 *
 * @param attempt the others go on when one has succeeded
 * @param onFailure called for each that fails; what it throws ends the search
 * @returns what the first one brought that succeeded; undefined when all have failed
 */
export const firstReached = <T>(
  addresses: readonly Address[],
  attempt: (address: Address) => Promise<T>,
  onFailure: (address: Address, error: unknown) => void,
): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const waiting = [...addresses]
    let pending = 0
    let isOver = false
    let headStart: Deadline | undefined

    const end = (settle: () => void): void => {
      isOver = true
      headStart?.stop()
      settle()
    }
    const failed = (address: Address, error: unknown): void => {
      pending--
      if (isOver) return
      try {
        onFailure(address, error)
        askNext()
      } catch (reason) {
        end(() => reject(reason))
      }
    }
    const askNext = (): void => {
      headStart?.stop()
      const address = waiting.shift()
      if (address === undefined) {
        if (pending === 0) end(() => resolve(undefined))
        return
      }
      pending++
      if (waiting.length > 0)
        headStart = new Deadline({ timeoutMs: HEAD_START_MS, progress: () => NOTHING, onTimeout: askNext })
      attempt(address).then(
        (value) => end(() => resolve(value)),
        (error: unknown) => failed(address, error),
      )
    }
    askNext()
  })
