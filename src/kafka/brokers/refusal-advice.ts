import type { KafkaError } from '../kafka-error.js'

const ADVICE: Readonly<Record<string, string>> = {
  ILLEGAL_SASL_STATE: 'This listener does no SASL: remove option sasl or use another port',
  UNSUPPORTED_SASL_MECHANISM: 'Choose a sasl.mechanism that the listener has enabled',
  SASL_AUTHENTICATION_FAILED: 'Check the credentials in option sasl',
  GROUP_AUTHORIZATION_FAILED: "Give this client's user the permission Read on the group",
  TOPIC_AUTHORIZATION_FAILED: "Give this client's user the permissions Read and Describe on the topic",
}

/** An answer that trying again will not change: wrong credentials, no permission. */
export const isRefusal = ({ unanswered, retriable }: KafkaError): boolean => !unanswered && !retriable

/** What to do about a broker that does not let a client in. */
export const adviceOn = ({ type }: KafkaError): string =>
  ADVICE[type] ??
  (type.endsWith('AUTHORIZATION_FAILED') ? 'Check the permissions of its user' : "Look into the broker's log for why")
