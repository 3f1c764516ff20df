import { ErrorCode, PoolError } from '../errors.js'
import { sleep } from '../util/timers.js'
import { type Address, formatAddress } from './address.js'
import { KafkaError } from './face.js'
import { closedError } from './kafka-errors.js'

export interface ReachTimes {
  /** For one address; also the unit of the whole time. */
  readonly connectionTimeoutMs: number
  /** `connectionTimeoutMs × retries` is the whole time. */
  readonly retries: number
  readonly initialRetryMs: number
  readonly maxRetryMs: number
}

/** Even a broker that is tried last gets this long. */
const MIN_STEP_MS = 50

/** An answer that trying again will not change: wrong credentials, no permission. */
const isRefusal = (error: unknown): error is KafkaError =>
  error instanceof KafkaError && !error.unanswered && !error.retriable

const ADVICE: Readonly<Record<string, string>> = {
  ILLEGAL_SASL_STATE: 'This listener does no SASL: remove option sasl or use another port',
  UNSUPPORTED_SASL_MECHANISM: 'Choose a sasl.mechanism that the listener has enabled',
  SASL_AUTHENTICATION_FAILED: 'Check the credentials in option sasl',
}

const refused = (address: Address, error: KafkaError): PoolError =>
  new PoolError(
    ErrorCode.brokerRefused,
    `the broker at ${formatAddress(address)} refused this client: ${error.message}. ${ADVICE[error.type] ?? 'Check the permissions of its user'}`,
    { cause: error },
  )

const unreachable = (reasons: ReadonlyMap<string, KafkaError>, totalMs: number): PoolError => {
  const list = [...reasons].map(([address, { message }]) => `${address} — ${message}`).join('; ')
  const [cause] = reasons.values()
  return new PoolError(
    ErrorCode.brokerUnreachable,
    `no broker could be reached within ${totalMs} ms (connectionTimeout × retries): ${list}. Check brokers (bootstrap.servers), the network and option ssl`,
    { cause },
  )
}

/**
 * Tries the addresses one after the other, round after round with a growing pause, until `attempt` succeeds for one.
 * Every address is tried at least once.
 *
 * @param attempt connects to an address; may take `stepMs` for each of its steps
 * @param signal aborted when the connection is closed
 * @throws PoolError KCP_BROKER_UNREACHABLE, naming every address and its reason; KCP_BROKER_REFUSED at once
 */
export const reachCluster = async (
  addresses: readonly Address[],
  times: ReachTimes,
  attempt: (address: Address, stepMs: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const totalMs = times.connectionTimeoutMs * Math.max(1, times.retries)
  const deadline = performance.now() + totalMs
  const reasons = new Map<string, KafkaError>()
  for (let pauseMs = times.initialRetryMs; ; pauseMs = Math.min(pauseMs * 2, times.maxRetryMs)) {
    for (const [index, address] of addresses.entries()) {
      const leftMs = deadline - performance.now()
      const share = leftMs / (addresses.length - index)
      const stepMs = Math.max(MIN_STEP_MS, Math.min(times.connectionTimeoutMs, share))
      try {
        return await attempt(address, stepMs)
      } catch (error) {
        if (signal.aborted) throw closedError()
        if (isRefusal(error)) throw refused(address, error)
        if (!(error instanceof KafkaError)) throw error
        const name = formatAddress(address)
        // An attempt that had to be short, at the end, says less than the ones before it.
        if (stepMs >= times.connectionTimeoutMs || !reasons.has(name)) reasons.set(name, error)
      }
    }
    const leftMs = deadline - performance.now()
    if (leftMs <= MIN_STEP_MS) throw unreachable(reasons, totalMs)
    await sleep(Math.min(pauseMs, leftMs - MIN_STEP_MS), { signal }).catch(() => {})
    if (signal.aborted) throw closedError()
  }
}
