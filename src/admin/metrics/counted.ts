import type { PoolEvents } from '../../control/events.js'
import type { Labels } from './readings.js'

type EventName = keyof PoolEvents

/** A metric that counts events of one kind, or how long what they tell of has taken. */
export interface Counted {
  /** Without the prefix that all have. */
  readonly name: string
  readonly event: EventName
  /** One sentence. */
  readonly help: string
  readonly labels: readonly string[]
  readonly labelsOf: (payload: never) => Labels
  /** Of a histogram: what it observes, in seconds. */
  readonly seconds?: (payload: never) => number
}

const counted = <K extends EventName>(
  event: K,
  name: string,
  help: string,
  labels: readonly string[],
  labelsOf: (payload: PoolEvents[K][0]) => Labels,
  seconds?: (payload: PoolEvents[K][0]) => number,
): Counted => ({ event, name, help, labels, labelsOf, ...(seconds !== undefined && { seconds }) })

/** Every metric that comes from the events. */
export const COUNTED: readonly Counted[] = [
  counted(
    'slot:crashed',
    'crashes_total',
    'Threads that died or were ended, by the code of the error.',
    ['code'],
    ({ error }) => ({ code: error.code }),
  ),
  counted(
    'slot:parked',
    'parkings_total',
    'How often slots were parked, by the code of the error.',
    ['code'],
    ({ error }) => ({ code: error.code }),
  ),
  counted('slot:stalled', 'stalls_total', 'How often messages waited in a slot while nothing moved.', [], () => ({})),
  counted(
    'message:failed',
    'attempts_failed_total',
    'Attempts that failed, by what became of the message.',
    ['topic', 'outcome'],
    ({ topic, outcome }) => ({ topic, outcome }),
  ),
  counted(
    'message:dead-lettered',
    'dead_letters_total',
    'Dead letters, by the reason.',
    ['topic', 'reason'],
    ({ topic, reason }) => ({ topic, reason }),
  ),
  counted(
    'offset:reset',
    'offset_resets_total',
    'Positions that were not in the log of the leader.',
    ['topic', 'reason'],
    ({ topic, reason }) => ({ topic, reason }),
  ),
  counted(
    'offsets:committed',
    'commits_total',
    'Commits that the coordinator has stored.',
    ['group'],
    ({ groupId }) => ({ group: groupId }),
  ),
  counted(
    'offsets:committed',
    'commit_duration_seconds',
    'How long commits took until the coordinator had stored them, with all tries.',
    ['group'],
    ({ groupId }) => ({ group: groupId }),
    ({ tookMs }) => tookMs / 1_000,
  ),
  counted(
    'group:joined',
    'joins_total',
    'How often seats became members of a generation.',
    ['group'],
    ({ groupId }) => ({ group: groupId }),
  ),
  counted(
    'group:lost',
    'memberships_lost_total',
    'How often a membership was over before anything could be committed.',
    ['group'],
    ({ groupId }) => ({ group: groupId }),
  ),
  counted(
    'group:fenced',
    'fencings_total',
    'How often another member took the group.instance.id of a seat.',
    ['group'],
    ({ groupId }) => ({ group: groupId }),
  ),
  counted('pool:escalated', 'escalations_total', 'How often the pool could not heal itself.', [], () => ({})),
  counted(
    'slot:recovered',
    'recovery_seconds',
    'From noticing a crash until the replacement had taken up its positions.',
    ['by'],
    ({ by }) => ({ by }),
    ({ afterMs }) => afterMs / 1_000,
  ),
  counted(
    'slot:recycled',
    'recycling_pause_seconds',
    'For how long a slot began no message because its thread was recycled.',
    ['reason'],
    ({ reason }) => ({ reason }),
    ({ afterMs }) => afterMs / 1_000,
  ),
]
