import { ErrorCode, PoolError } from '../../errors.js'
import { doubled } from '../../util/backoff.js'
import { sleep } from '../../util/timers.js'
import { closedError } from '../errors.js'
import { KafkaError } from '../kafka-error.js'
import { type Address, formatAddress } from './address.js'
import { firstReached } from './first-reached.js'
import { adviceOn, isRefusal } from './refusal-advice.js'

export interface ReachTimes {
  /** How often all addresses are tried again. */
  readonly retries: number
  readonly initialRetryMs: number
  readonly maxRetryMs: number
}

export interface ReachOptions {
  readonly times: ReachTimes
  /** Connects to an address. */
  readonly attempt: (address: Address) => Promise<void>
  /** None of them could be reached, and all are tried again after `pauseMs`. */
  readonly onRetry: (reasons: string, pauseMs: number) => void
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
}

const refused = (address: Address, error: KafkaError): PoolError =>
  new PoolError(
    ErrorCode.brokerRefused,
    `the broker at ${formatAddress(address)} refused this client: ${error.message}. ${adviceOn(error)}`,
    { cause: error },
  )

const describe = (reasons: ReadonlyMap<string, KafkaError>): string =>
  [...reasons].map(([address, { message }]) => `${address} — ${message}`).join('; ')

const unreachable = (reasons: ReadonlyMap<string, KafkaError>, retries: number): PoolError => {
  const [cause] = reasons.values()
  const tries = retries === 0 ? 'once' : `${retries + 1} times (retry.retries is ${retries})`
  return new PoolError(
    ErrorCode.brokerUnreachable,
    `no broker could be reached, trying ${tries}: ${describe(reasons)}. Check brokers (bootstrap.servers), the network and option ssl`,
    { cause },
  )
}

/**
 * Tries the addresses, round after round with a growing pause, until one can be connected to.
 *
 * @throws PoolError KCP_BROKER_UNREACHABLE, naming every address and its last reason; KCP_BROKER_REFUSED at once
 */
export const reachCluster = async (
  addresses: readonly Address[],
  { times, attempt, onRetry, signal }: ReachOptions,
): Promise<void> => {
  const reasons = new Map<string, KafkaError>()
  const failed = (address: Address, error: unknown): void => {
    if (signal.aborted) throw closedError()
    if (!(error instanceof KafkaError)) throw error
    if (isRefusal(error)) throw refused(address, error)
    reasons.set(formatAddress(address), error)
  }
  for (let round = 0; ; round++) {
    const isReached = await firstReached(addresses, (address) => attempt(address).then(() => true), failed)
    if (isReached) return
    if (round >= times.retries) throw unreachable(reasons, times.retries)
    const pauseMs = doubled(times.initialRetryMs, round, times.maxRetryMs)
    onRetry(describe(reasons), pauseMs)
    await sleep(pauseMs, { signal }).catch(() => {})
    if (signal.aborted) throw closedError()
  }
}
