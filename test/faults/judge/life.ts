import { SLACK_MS, STOP_MS } from '../times.js'
import { type Evidence, type Violation, violation } from './evidence.js'

/** A stop takes no longer than it promises. */
export const stops = ({ heard }: Evidence): Violation[] =>
  heard
    .filter(({ event, payload }) => event === 'stopped' && Number(payload.tookMs) > STOP_MS + SLACK_MS)
    .map(({ member, payload, atMs }) =>
      violation('a stop is bounded', `that of ${member} took ${Math.round(Number(payload.tookMs))} ms`, atMs),
    )

/** No fault of these is one that a pool cannot heal itself from, and none makes it pass messages over. */
export const unheard = ({ heard }: Evidence): Violation[] =>
  heard
    .filter(({ event }) => ['pool:escalated', 'offset:reset', 'group:fenced'].includes(event))
    .map(({ member, event, payload, atMs }) =>
      violation('what must not be said', `${member}: ${event} ${JSON.stringify(payload)}`, atMs),
    )
