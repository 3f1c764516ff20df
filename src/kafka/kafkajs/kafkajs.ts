import { ErrorCode, PoolError } from '../../errors.js'
import { type Kafkajs, loadParts, requireKafkajs } from './parts.js'
import type { ApiName } from './request-shapes.js'

/** The one version whose internals this code was written and tested against. */
const KAFKAJS_VERSION = '2.2.4'

/**
 * The versions of each request that must be there; the highest ones carry the group instance id (KIP-345). None where
 * the request is put together by hand.
 */
const NEEDED_VERSIONS: Readonly<Record<ApiName, readonly number[]>> = {
  ApiVersions: [0, 1, 2],
  Metadata: [4, 5, 6],
  GroupCoordinator: [0, 1, 2],
  JoinGroup: [2, 3, 4, 5],
  SyncGroup: [1, 2, 3],
  Heartbeat: [1, 2, 3],
  LeaveGroup: [1, 2, 3],
  DescribeGroups: [],
  OffsetCommit: [3, 4, 5],
  OffsetFetch: [2, 3, 4],
  ListOffsets: [1, 2, 3],
  DeleteRecords: [0, 1],
  DescribeConfigs: [0, 1, 2],
  Produce: [],
  Fetch: [4, 5, 6, 7, 8, 9, 10, 11],
  SaslHandshake: [1],
  SaslAuthenticate: [0, 1],
}

const ENCODER_METHODS = ['Int16', 'Int32', 'Int64', 'Boolean', 'String', 'Bytes', 'Array'].map((type) => `write${type}`)

const missingMethods = (of: unknown, name: string, methods: readonly string[]): string[] => {
  const prototype = (of as { prototype?: Record<string, unknown> } | undefined)?.prototype
  return methods.filter((method) => typeof prototype?.[method] !== 'function').map((method) => `${name}#${method}`)
}

const missingVersions = ({ requests, apiKeys }: Kafkajs): string[] =>
  Object.entries(NEEDED_VERSIONS).flatMap(([api, versions]) => {
    const module = requests?.[api as ApiName]
    if (typeof module?.protocol !== 'function' || typeof apiKeys?.[api as ApiName] !== 'number') return [api]
    return versions
      .filter((version) => typeof module.protocol({ version }) !== 'function')
      .map((version) => `${api} v${version}`)
  })

/** The members of kafkajs that are needed and not there. */
const missingMembers = (parts: Kafkajs): string[] => [
  ...missingMethods(parts.Encoder, 'Encoder', ENCODER_METHODS),
  ...missingVersions(parts),
  ...Object.entries(parts.authenticators)
    .filter(([, provider]) => typeof provider !== 'function')
    .map(([mechanism]) => `the mechanism ${mechanism}`),
  ...(typeof parts.createLogger === 'function' ? [] : ['createLogger']),
  ...(Array.isArray(parts.errorCodes) ? [] : ['errorCodes']),
]

const mismatch = (what: string, cause?: unknown): PoolError =>
  new PoolError(
    ErrorCode.kafkajsMismatch,
    `${what}. This package works with kafkajs ${KAFKAJS_VERSION} exactly, because it uses its internals: remove overrides or patches of kafkajs and install again`,
    { cause },
  )

/**
 * Loads kafkajs's internals and checks that they are what they are taken for.
 *
 * @param load loads a file of the package; the path is relative to its package.json
 * @throws PoolError KCP_KAFKAJS_MISMATCH
 */
export const loadVerified = (load: (path: string) => unknown): Kafkajs => {
  let parts: Kafkajs
  try {
    const { version } = load('./package.json') as { version: string }
    if (version !== KAFKAJS_VERSION) throw mismatch(`kafkajs ${version} is installed`)
    parts = loadParts(load)
  } catch (cause) {
    if (cause instanceof PoolError) throw cause
    throw mismatch(`kafkajs cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
  const missing = missingMembers(parts)
  if (missing.length > 0) throw mismatch(`the kafkajs that was loaded lacks ${missing.join(', ')}`)
  return parts
}

let verified: Kafkajs | undefined

/** kafkajs's internals, verified once per thread. */
export const kafkajs = (): Kafkajs => {
  verified ??= loadVerified(requireKafkajs)
  return verified
}

/**
 * Start-up self-test: is the kafkajs of this process the one that this package was written for?
 *
 * @throws PoolError KCP_KAFKAJS_MISMATCH
 */
export const verifyKafkajs = (): void => {
  kafkajs()
}
