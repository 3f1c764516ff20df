import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { adviceOn } from '../../kafka/brokers/refusal-advice.js'
import { KafkaCode } from '../../kafka/error-codes.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { Coordinator } from './coordinator.js'

const LIMITS = ['group.min.session.timeout.ms', 'group.max.session.timeout.ms'] as const

const sessionLimits = async (coordinator: Coordinator): Promise<string> => {
  try {
    const config = await coordinator.ask((client, node) => client.brokerConfig(node, LIMITS))
    return `between ${config[LIMITS[0]]} and ${config[LIMITS[1]]} ms (its ${LIMITS[0]} and ${LIMITS[1]})`
  } catch {
    return `between its ${LIMITS[0]} and ${LIMITS[1]}`
  }
}

/** Says in plain words why the broker will not have a member, and what to change. */
export const refusal = async (error: unknown, config: SlotConfig, coordinator: Coordinator): Promise<PoolError> => {
  const { groupId, sessionTimeout } = config.consumer
  const where = { slot: config.slot, groupId, cause: error }
  const code = error instanceof KafkaError ? error.code : undefined
  switch (code) {
    case KafkaCode.invalidSessionTimeout:
      return new PoolError(
        ErrorCode.sessionTimeoutRefused,
        `the broker refused sessionTimeout = ${sessionTimeout} ms for group "${groupId}": it allows ${await sessionLimits(coordinator)}. Set sessionTimeout (session.timeout.ms) within that, or change the broker`,
        where,
      )
    case KafkaCode.inconsistentGroupProtocol:
      return new PoolError(
        ErrorCode.protocolRefused,
        `group "${groupId}" has members that share no assignor with this one (offered: ${config.assignors.join(', ')}). Add the assignor that they use to "assignors"; for a group of KafkaJS consumers that is 'RoundRobinAssigner'`,
        where,
      )
    case KafkaCode.groupMaxSizeReached:
      return new PoolError(
        ErrorCode.brokerRefused,
        `group "${groupId}" is full: the broker's group.max.size is reached. Use fewer workers or raise group.max.size`,
        where,
      )
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      const advice = error instanceof KafkaError ? `. ${adviceOn(error)}` : ''
      return new PoolError(ErrorCode.brokerRefused, `the broker refuses group "${groupId}": ${reason}${advice}`, where)
    }
  }
}
