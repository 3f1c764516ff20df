import { ErrorCode, PoolError } from '../errors.js'
import type { ApiName } from './apis.js'
import { KafkaCode } from './error-codes.js'
import { KafkaError } from './face.js'
import type { ApiRanges } from './internals.js'
import { kafkajs } from './verify-kafkajs.js'

/** The lowest versions that can be used at all; every one of them came with Kafka 0.11 or earlier. */
const LOWEST = { Fetch: 4, Metadata: 4, ListOffsets: 1, OffsetFetch: 2, OffsetCommit: 3, JoinGroup: 2 } as const

/** The versions that carry a group instance id (KIP-345, Kafka 2.3). */
const STATIC_MEMBERSHIP = { JoinGroup: 5, SyncGroup: 3, Heartbeat: 3, LeaveGroup: 3, OffsetCommit: 7 } as const

const rangeOf = (ranges: ApiRanges, api: ApiName) => ranges[kafkajs().apiKeys[api]]

const speaks = (ranges: ApiRanges, needed: Readonly<Partial<Record<ApiName, number>>>): boolean =>
  Object.entries(needed).every(([api, version]) => {
    const range = rangeOf(ranges, api as ApiName)
    return range !== undefined && range.maxVersion >= version
  })

/** True when a broker with these versions can fence static members in every request. */
export const speaksStaticMembership = (ranges: ApiRanges): boolean => speaks(ranges, STATIC_MEMBERSHIP)

/** @throws PoolError KCP_BROKER_TOO_OLD */
export const refuseOldBroker = (ranges: ApiRanges, where: string): void => {
  if (speaks(ranges, LOWEST)) return
  throw new PoolError(ErrorCode.brokerTooOld, `the broker at ${where} is too old: Kafka 0.11 or later is needed`)
}

/**
 * The highest version that both sides speak.
 *
 * @param implemented the versions that we can send
 * @throws KafkaError UNSUPPORTED_VERSION
 */
export const pickVersion = (ranges: ApiRanges, api: ApiName, implemented: readonly number[]): number => {
  const { minVersion = 0, maxVersion = -1 } = rangeOf(ranges, api) ?? {}
  const both = implemented.filter((version) => version >= minVersion && version <= maxVersion)
  if (both.length > 0) return Math.max(...both)
  const offer = maxVersion < 0 ? 'does not know it' : `speaks versions ${minVersion} to ${maxVersion}`
  throw new KafkaError(
    'UNSUPPORTED_VERSION',
    KafkaCode.unsupportedVersion,
    false,
    `${api} cannot be sent: the broker ${offer}, this client ${implemented.join(', ')}`,
  )
}
