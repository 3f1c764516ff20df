import { KafkaError } from './kafka-error.js'

const TOO_LARGE: readonly string[] = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']

/** Whether a broker has taken nothing of a batch because it is too large for the topic. */
export const isTooLarge = (error: unknown): boolean => error instanceof KafkaError && TOO_LARGE.includes(error.type)
