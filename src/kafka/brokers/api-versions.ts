import { ErrorCode, PoolError } from '../../errors.js'
import { KafkaCode } from '../error-codes.js'
import { KafkaError } from '../kafka-error.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { ApiRanges } from '../kafkajs/parts.js'
import type { ApiName } from '../kafkajs/request-shapes.js'

/**
 * The versions that we send. All lowest ones came with Kafka 0.11 or earlier (those of SASL with 1.0); the highest carry
 * the group instance id (KIP-345).
 */
const IMPLEMENTED: Readonly<Record<ApiName, readonly number[]>> = {
  ApiVersions: [0, 1, 2],
  SaslHandshake: [1],
  SaslAuthenticate: [0, 1],
  // Version 4 is the first that can say "no topics at all" and forbid auto-creation.
  // kafkajs stops at 6.
  Metadata: [4, 5, 6, 7],
  GroupCoordinator: [0, 1, 2],
  JoinGroup: [2, 3, 4, 5],
  SyncGroup: [0, 1, 2, 3],
  Heartbeat: [0, 1, 2, 3],
  LeaveGroup: [0, 1, 2, 3],
  // The first that names instance ids (KIP-345) and the last with a plain header; kafkajs stops at 2.
  DescribeGroups: [4],
  // kafkajs stops at 5, and the answer to 7 is the same.
  OffsetCommit: [3, 4, 5, 7],
  // kafkajs stops at 4.
  OffsetFetch: [2, 3, 4, 5],
  ListOffsets: [1, 2, 3],
  DeleteRecords: [0, 1],
  DescribeConfigs: [0, 1, 2],
  // The first that carries record batches of format 2, and the last with a plain header; kafkajs stops at 7.
  Produce: [3, 4, 5, 6, 7, 8],
  Fetch: [4, 5, 6, 7, 8, 9, 10, 11],
}

/** What a pool cannot do without, on any broker. */
const NEEDED: readonly ApiName[] = [
  'Metadata',
  'GroupCoordinator',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'OffsetCommit',
  'OffsetFetch',
  'ListOffsets',
  'Fetch',
]

/** The versions that carry a group instance id (KIP-345, Kafka 2.3). */
const STATIC_MEMBERSHIP = { JoinGroup: 5, SyncGroup: 3, Heartbeat: 3, LeaveGroup: 3, OffsetCommit: 7 } as const

const rangeOf = (ranges: ApiRanges, api: ApiName) => ranges[kafkajs().apiKeys[api]]

/** Those of the versions that the broker speaks too. */
const common = (ranges: ApiRanges, api: ApiName, versions: readonly number[]): number[] => {
  const { minVersion = 0, maxVersion = -1 } = rangeOf(ranges, api) ?? {}
  return versions.filter((version) => version >= minVersion && version <= maxVersion)
}

/** Why there is no common version. */
const explain = (ranges: ApiRanges, api: ApiName, versions: readonly number[]): string => {
  const range = rangeOf(ranges, api)
  const offer = range === undefined ? 'does not know it' : `speaks versions ${range.minVersion} to ${range.maxVersion}`
  return `the broker ${offer}, this client ${versions.join(', ')}`
}

/** True when a broker with these versions can fence static members in every request. */
export const speaksStaticMembership = (ranges: ApiRanges): boolean =>
  Object.entries(STATIC_MEMBERSHIP).every(([api, version]) => common(ranges, api as ApiName, [version]).length > 0)

/**
 * Looks at both ends of what the broker speaks: it may be too old, and it may have dropped what we speak.
 *
 * @throws PoolError KCP_BROKER_TOO_OLD or KCP_BROKER_TOO_NEW, naming the first of these requests that cannot be sent
 */
export const refuseBrokerWithout = (apis: readonly ApiName[], ranges: ApiRanges, where: string): void => {
  const missing = apis.find((api) => common(ranges, api, IMPLEMENTED[api]).length === 0)
  if (missing === undefined) return
  const why = `${missing} cannot be sent to the broker at ${where}: ${explain(ranges, missing, IMPLEMENTED[missing])}`
  const dropped = (rangeOf(ranges, missing)?.minVersion ?? 0) > Math.max(...IMPLEMENTED[missing])
  if (dropped) {
    throw new PoolError(ErrorCode.brokerTooNew, `${why}. It is too new: a later version of this package may speak it`)
  }
  const since = missing.startsWith('Sasl') ? '1.0, with SASL,' : '0.11'
  throw new PoolError(ErrorCode.brokerTooOld, `${why}. It is too old: Kafka ${since} or later is needed`)
}

/** @throws PoolError KCP_BROKER_TOO_OLD or KCP_BROKER_TOO_NEW */
export const refuseForeignBroker = (ranges: ApiRanges, where: string): void =>
  refuseBrokerWithout(NEEDED, ranges, where)

/**
 * The highest version that both sides speak.
 *
 * @param versions those that may be sent; default: all that we can
 * @throws KafkaError UNSUPPORTED_VERSION
 */
export const pickVersion = (
  ranges: ApiRanges,
  api: ApiName,
  versions: readonly number[] = IMPLEMENTED[api],
): number => {
  const both = common(ranges, api, versions)
  if (both.length > 0) return Math.max(...both)
  const why = `${api} cannot be sent: ${explain(ranges, api, versions)}`
  throw new KafkaError('UNSUPPORTED_VERSION', KafkaCode.unsupportedVersion, false, why)
}
