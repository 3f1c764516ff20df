import type { ConsumerConfig, KafkaConfig, SlotConfig } from '../../config/resolved.js'

/** The part of the session that an answer may take: a third; */
const ANSWER = 3
/** and that connecting may, and authentication again. */
const CONNECT = 6

const most = (limitMs: number, sessionMs: number, part: number): number =>
  Math.max(1, Math.min(limitMs, Math.floor(sessionMs / part)))

/**
 * How long a seat waits for its coordinator. The session goes on meanwhile: when a connection has gone silent there must
 * be time left to notice it, to open another one, to ask where the coordinator is now, and for the heartbeat that counts.
 */
export const kafkaOfSeat = ({ kafka, consumer: { sessionTimeout } }: SlotConfig): KafkaConfig => ({
  ...kafka,
  connectionTimeout: most(kafka.connectionTimeout, sessionTimeout, CONNECT),
  authenticationTimeout: most(kafka.authenticationTimeout, sessionTimeout, CONNECT),
  requestTimeout: most(kafka.requestTimeout, sessionTimeout, ANSWER),
})

/**
 * How long the coordinator may hold a SyncGroup back until the leader has sent the assignments. Together with the time for
 * the answer it is the session: the seat sends no heartbeat meanwhile.
 */
export const syncHoldMs = ({ sessionTimeout }: Pick<ConsumerConfig, 'sessionTimeout'>): number =>
  sessionTimeout - Math.floor(sessionTimeout / ANSWER)

/** Somebody else took the instance id: how often and after how long a seat tries to come back (KAFKA-20985, brod). */
export const FENCED_TRIES = 3
export const FENCED_WAIT_MS = 10_000
/** A seat that was a member for so long without being fenced starts counting anew. */
export const FENCED_FORGOTTEN_MS = 120_000
/** How long a seat waits before it asks again for what the broker has refused: a person may mend it within the session. */
export const REFUSED_WAIT_MS = 5_000
/** How often in a row no assignment could be made before a start ends with that: an assignor's time may have been too short once. */
export const UNASSIGNABLE_TRIES = 3
/** How long a LeaveGroup may take: leaving is a courtesy, the session timeout does the same later. */
export const LEAVE_TIMEOUT_MS = 700

/**
 * How often a member asks that has come to a cooperative group and got nothing yet. Others give up what it shall have, and it
 * hears of the next rebalance only when it asks: until then nobody handles that, as nobody of another process pokes it.
 */
export const EXPECTING_BEAT_MS = 250
/** For so long others may be giving something up: they let come to its end what is in flight there. Who never gets anything asks in vain. */
export const expectsMoreMs = ({ rebalanceTimeout }: Pick<ConsumerConfig, 'rebalanceTimeout'>): number =>
  Math.min(rebalanceTimeout, 60_000)
