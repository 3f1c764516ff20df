import { describe, expect, test } from 'vitest'
import type { Evidence, Handled, Heard, Letter } from '../../faults/judge/evidence.js'
import { judge } from '../../faults/judge/judge.js'
import { MOST_LINES } from '../../faults/judge/log.js'
import { CONVICT_AFTER, RELEASE_MS, SLACK_MS, STARVED_MS, STOP_MS } from '../../faults/times.js'

/* The judge is the part of the fault harness that must not be blind: each invariant sees a fault that is planted here. */

const A = { pid: 1, threadId: 1, slot: 0, incarnation: 1 }
const B = { pid: 2, threadId: 1, slot: 0, incarnation: 1 }

const handled = (offset: number, startMs: number, more: Partial<Handled> = {}): Handled => ({
  ...{ topic: 't', partition: 0, offset, attempt: 1, startMs, endMs: startMs + 1, outcome: 'finished', ...A },
  ...{ result: 100 + offset, ppid: 0, worker: more.pid ?? A.pid },
  ...more,
})

const heard = (event: string, atMs: number, payload: object, { pid } = A): Heard => ({
  ...{ member: pid === A.pid ? 'a' : 'b', pid, atMs, event },
  payload: payload as Record<string, unknown>,
})

const joined = (atMs: number, generation: number, more: object = {}, who = A): Heard => {
  const memberId = `member-${who.pid}`
  const seat = { slot: who.slot, generation, memberId, instanceId: null, clientId: `seat-${who.pid}` }
  return heard('group:joined', atMs, { ...seat, ...more }, who)
}

const crashed = (atMs: number, offset: number): Heard =>
  heard('slot:crashed', atMs, { slot: 0, incarnation: 1, inFlight: [{ partition: 0, offset: `${offset}` }] })

const fault = (fromMs: number, more: Partial<Evidence['episodes'][number]> = {}): Evidence['episodes'][number] => ({
  ...{ faults: ['planted'], fromMs, repeats: 'nothing', rebalances: false },
  ...more,
})

/** Three messages, one pool, nothing wrong. */
const clean = (more: Partial<Evidence> = {}): Evidence => ({
  topic: 't',
  acknowledged: [0, 1, 2].map((offset) => ({ partition: 0, offset, number: 100 + offset, deed: null })),
  stored: [{ topic: 't', partition: 0, from: 0, to: 3 }],
  deadLetters: [],
  record: [handled(0, 100), handled(1, 110), handled(2, 120)],
  heard: [joined(50, 1), heard('slot:ready', 51, { slot: 0, incarnation: 1, clientId: 'thread-1' })],
  warnings: [],
  commits: [
    { partition: 0, offset: 1, atMs: 105 },
    { partition: 0, offset: 3, atMs: 130 },
  ],
  generations: [],
  episodes: [fault(90)],
  freezes: [],
  leftAfterMs: RELEASE_MS,
  clockMs: 2,
  ...more,
})

/** The dead letter of the last message. */
const letter = (reason: Letter['reason'], attempts: number): Letter => ({
  ...{ partition: 0, offset: 2, number: 102 },
  ...{ reason, attempts },
})

/** What the last message asks for. */
const asked = (deed: string): Pick<Evidence, 'acknowledged'> => ({
  acknowledged: clean().acknowledged.map((message) => (message.offset === 2 ? { ...message, deed } : message)),
})

const found = (evidence: Evidence): string[] => judge(evidence).map(({ invariant }) => invariant)

test('a history in which nothing is wrong is acquitted', () => {
  expect(judge(clean())).toEqual([])
})

describe('lost', () => {
  test('a message that nobody handled', () => {
    expect(found(clean({ record: [handled(0, 100), handled(1, 110)], commits: [] }))).toEqual(['lost = 0'])
  })
  test('a message that was begun only', () => {
    const open = handled(2, 120, { endMs: null, outcome: null })
    expect(found(clean({ record: [handled(0, 100), handled(1, 110), open], commits: [] }))).toEqual(['lost = 0'])
  })
  test('another message at the place of the one that was acknowledged', () => {
    const other = handled(2, 120, { result: 7 })
    expect(found(clean({ record: [handled(0, 100), handled(1, 110), other] }))).toEqual(['lost = 0'])
  })
  test('a dead letter is not lost, and may be committed', () => {
    const failed = handled(2, 120, { outcome: 'failed' })
    const record = [handled(0, 100), handled(1, 110), failed]
    expect(found(clean({ ...asked('final'), record, deadLetters: [letter('non-retriable', 1)] }))).toEqual([])
  })
  test('another message in the dead letter of the one that was acknowledged', () => {
    const record = [handled(0, 100), handled(1, 110), handled(2, 120, { outcome: 'failed' })]
    const other = { ...letter('non-retriable', 1), number: 7 }
    expect(found(clean({ ...asked('final'), record, deadLetters: [other] }))).toEqual(['lost = 0'])
  })
})

describe('repeated', () => {
  const again = (more: Partial<Handled>) => [handled(0, 100), handled(1, 110), handled(2, 120), handled(2, 140, more)]
  const dies = [...clean().heard, crashed(130, 2)]
  const next = { incarnation: 2, threadId: 2 }

  test('a message that is begun again though nothing may be', () => {
    const evidence = clean({ record: again(next), commits: [], heard: dies })
    expect(found(evidence)).toEqual(['repeated: nothing'])
  })
  test('one that was in flight in the thread that died may be', () => {
    const evidence = clean({
      record: again(next),
      commits: [],
      heard: dies,
      episodes: [fault(90, { repeats: 'in flight' })],
    })
    expect(found(evidence)).toEqual([])
  })
  test('another one than was in flight may not', () => {
    const died = [...clean().heard, crashed(130, 1)]
    const evidence = clean({
      record: again(next),
      commits: [],
      heard: died,
      episodes: [fault(90, { repeats: 'in flight' })],
    })
    expect(found(evidence)).toEqual(['repeated: in flight'])
  })
  test('what was not committed may be handled again by a new owner', () => {
    const record = again(B)
    const join = [...clean().heard, joined(135, 2, {}, B)]
    const lost = [fault(90, { repeats: 'uncommitted', rebalances: true })]
    expect(
      found(clean({ record, heard: join, episodes: lost, commits: [{ partition: 0, offset: 2, atMs: 130 }] })),
    ).toEqual([])
    expect(found(clean({ record, heard: join, episodes: lost }))).toEqual(['committed is final'])
  })
  test('a retry is none', () => {
    const failed = handled(2, 120, { outcome: 'failed' })
    const record = [handled(0, 100), handled(1, 110), failed, handled(2, 140, { attempt: 2 })]
    expect(found(clean({ record, commits: [] }))).toEqual([])
  })
  test('one that failed is begun anew by whoever has the partition next', () => {
    const failed = handled(2, 120, { outcome: 'failed' })
    const record = (more: Partial<Handled>) => [handled(0, 100), handled(1, 110), failed, handled(2, 140, more)]
    const heard = [...clean().heard, joined(135, 1)] // an assignment, so that going back is allowed
    expect(found(clean({ record: record(next), commits: [], heard }))).toEqual([])
    expect(found(clean({ record: record({}), commits: [], heard }))).toEqual(['repeated: nothing'])
  })
  test('one that a rebalance has waited for in vain may be begun by the next owner', () => {
    const open = handled(2, 120, { endMs: null, outcome: null })
    const afterMs = (ms: number, rebalances = true) => {
      const lostAtMs = 120 + ms
      const record = [handled(0, 100), handled(1, 110), open, handled(2, lostAtMs + 20, B)]
      const removed = heard('group:assigned', lostAtMs, { slot: 0, removed: [{ partition: 0 }] })
      const join = joined(lostAtMs + 10, 2, {}, B)
      return found(
        clean({ record, commits: [], heard: [...clean().heard, removed, join], episodes: [fault(90, { rebalances })] }),
      )
    }
    expect(afterMs(RELEASE_MS)).toEqual([])
    expect(afterMs(RELEASE_MS - 1)).toEqual(['repeated: nothing'])
    expect(afterMs(RELEASE_MS, false)).toContain('repeated: nothing')
  })
  test('one that a pool leaves behind when it has stopped in vain for it may be begun by the next owner', () => {
    const afterMs = (ms: number, { drained = false, endMs = null as number | null, by = B } = {}) => {
      const stopAtMs = 125
      const open = handled(2, 120, endMs === null ? { endMs, outcome: null } : { endMs })
      const record = [handled(0, 100), handled(1, 110), open, handled(2, stopAtMs + ms, by)]
      const join = joined(stopAtMs + ms - 10, 2, {}, B)
      const stopped = heard('pool:stopped', stopAtMs + ms + 50, { afterMs: ms + 50, drained })
      const episodes = [fault(90, { rebalances: true })]
      return found(clean({ record, commits: [], heard: [...clean().heard, join, stopped], episodes }))
    }
    expect(afterMs(RELEASE_MS)).toEqual([])
    expect(afterMs(RELEASE_MS - 1)).toEqual(['repeated: nothing'])
    expect(afterMs(RELEASE_MS, { drained: true })).toEqual(['repeated: nothing'])
    expect(afterMs(RELEASE_MS, { endMs: 121 })).toEqual(['repeated: nothing'])
    expect(afterMs(RELEASE_MS, { by: { ...A, incarnation: 2 } })).toContain('repeated: nothing')
  })
  test('while a main thread gets no turn more may be', () => {
    const late = (atMs: number, lateMs: number) => heard('late', atMs, { lateMs })
    const starved = (...more: Heard[]) => found(clean({ record: again(next), commits: [], heard: [...dies, ...more] }))
    expect(starved(late(128, STARVED_MS + 1))).toEqual([])
    expect(starved(late(127, STARVED_MS / 2), late(128, STARVED_MS / 2 + 1))).toEqual([])
    expect(starved(late(128, STARVED_MS / 2))).toEqual(['repeated: nothing'])
  })
})

describe('order', () => {
  test('a message that was passed over', () => {
    const record = [handled(0, 100), handled(2, 110), handled(1, 120)]
    expect(new Set(found(clean({ record, commits: [] })))).toEqual(new Set(['order rises']))
  })
  test('an owner that goes back without a new assignment', () => {
    const record = [handled(0, 100), handled(1, 110), handled(2, 120), handled(1, 140), handled(2, 150)]
    const episodes = [fault(90, { repeats: 'uncommitted', rebalances: true })]
    expect(found(clean({ record, commits: [], episodes }))).toEqual(['order rises'])
    expect(found(clean({ record, commits: [], episodes, heard: [...clean().heard, joined(135, 2)] }))).toEqual([])
  })
})

describe('commits', () => {
  test('one that goes back', () => {
    const commits = [...clean().commits, { partition: 0, offset: 2, atMs: 140 }]
    expect(found(clean({ commits }))).toEqual(['committed never moves back'])
  })
  test('one that is removed', () => {
    const commits = [...clean().commits, { partition: 0, offset: null, atMs: 140 }]
    expect(found(clean({ commits }))).toEqual(['committed never moves back'])
  })
  test('one before its message is finished', () => {
    const commits = [{ partition: 0, offset: 3, atMs: 115 }]
    expect(found(clean({ commits }))).toEqual(['committed ≤ lowest unfinished'])
  })
  test('one for what never was', () => {
    const commits = [{ partition: 0, offset: 4, atMs: 140 }]
    expect(found(clean({ commits }))).toEqual(['committed ≤ lowest unfinished'])
  })
})

describe('convictions', () => {
  const OPEN = { endMs: null, outcome: null } as const
  /** The last message is begun by so many incarnations, which end with it. */
  const kills = (times: number, who = A) =>
    Array.from({ length: times }, (_, n) => n + 1).map((incarnation) => ({
      handling: handled(2, 110 + 10 * incarnation, { ...OPEN, ...who, incarnation }),
      crash: heard(
        'slot:crashed',
        115 + 10 * incarnation,
        { slot: 0, incarnation, inFlight: [{ partition: 0, offset: '2' }] },
        who,
      ),
    }))
  const dying = (deaths: ReturnType<typeof kills>, more: Partial<Evidence> = {}) =>
    clean({
      ...asked('exit'),
      record: [handled(0, 100), handled(1, 110), ...deaths.map(({ handling }) => handling)],
      heard: [...clean().heard, ...deaths.map(({ crash }) => crash)],
      commits: [],
      deadLetters: [letter('killed', CONVICT_AFTER)],
      episodes: [fault(90, { repeats: 'in flight' })],
      ...more,
    })
  const stored = (atMs: number) => heard('message:dead-lettered', atMs, { partition: 0, offset: '2' })

  test('a message that has killed as often as convicts it is a dead letter', () => {
    expect(found(dying(kills(CONVICT_AFTER)))).toEqual([])
  })
  test('one that goes on killing', () => {
    expect(found(dying(kills(CONVICT_AFTER + 1)))).toEqual(['what kills is convicted'])
  })
  test('one that ends process after process', () => {
    const lives = (count: number) => {
      const pids = Array.from({ length: count }, (_, n) => n + 1)
      const joins = pids.map((pid) => ({
        ...joined(50, 1, { instanceId: 'a-0', clientId: `seat-${pid}` }, { ...A, pid }),
        member: 'a',
      }))
      const record = pids.map((pid) => handled(2, 120 + pid, { ...OPEN, pid }))
      return dying([], {
        ...{ ...asked('kill'), record: [handled(0, 100), handled(1, 110), ...record], heard: joins },
        episodes: [fault(90, { repeats: 'uncommitted', rebalances: true })],
      })
    }
    expect(found(lives(2 * CONVICT_AFTER))).toEqual([])
    expect(found(lives(2 * CONVICT_AFTER + 2))).toEqual(['what kills is convicted'])
  })
  test('one that nobody handles any more before it has killed often enough', () => {
    const early = dying(kills(1), { deadLetters: [letter('killed', 1)] })
    expect(found(early)).toEqual(['only what has deserved it is a dead letter'])
  })
  test('one that is convicted for its neighbour', () => {
    for (const deed of ['sleep:5', 'exit-once', 'final'])
      expect(found(dying(kills(CONVICT_AFTER), asked(deed)))).toEqual(['only what has deserved it is a dead letter'])
  })
  test('a dead letter that is handled again by the pool that has stored it', () => {
    const [died, again] = [kills(CONVICT_AFTER), handled(2, 170, { incarnation: 4 })]
    const { record, heard } = dying(died)
    const uncommitted = [fault(90, { repeats: 'uncommitted', rebalances: true })]
    const evidence = (atMs: number) =>
      dying(died, { record: [...record, again], heard: [...heard, stored(atMs)], episodes: uncommitted })
    expect(found(evidence(180))).toEqual([])
    expect(found(evidence(160))).toEqual(['a dead letter is finished'])
  })
  test('a commit before the dead letter is stored', () => {
    const died = kills(CONVICT_AFTER)
    const { heard } = dying(died)
    const commits = [{ partition: 0, offset: 3, atMs: 160 }]
    expect(found(dying(died, { heard: [...heard, stored(155)], commits }))).toEqual([])
    expect(found(dying(died, { heard: [...heard, stored(170)], commits }))).toEqual(['committed ≤ lowest unfinished'])
  })
})

describe('owners', () => {
  const two = (second: Heard, more: Partial<Evidence> = {}) =>
    clean({
      ...{ record: [handled(0, 100), handled(1, 110, B), handled(2, 120)], commits: [] },
      heard: [...clean().heard, second],
      episodes: [fault(90, { repeats: 'uncommitted', rebalances: true })],
      ...more,
    })

  test('one that goes on after another has taken over', () => {
    expect(found(two(joined(105, 2, {}, B)))).toEqual(['one live owner'])
  })
  test('two in one generation', () => {
    expect(found(two(joined(105, 1, {}, B)))).toEqual(['one live owner'])
  })
  test('a static member that comes back in another process is the same', () => {
    const heard = [joined(50, 1, { instanceId: 'a-0' }), joined(105, 1, { instanceId: 'a-0', clientId: 'other' }, B)]
    const record = [handled(0, 100), handled(1, 110, B), handled(2, 120, B)]
    expect(found(clean({ record, heard, commits: [] }))).toEqual([])
  })
  test('an incarnation that is over', () => {
    const record = [handled(0, 100), handled(1, 110, { incarnation: 2 }), handled(2, 120)]
    expect(found(clean({ record, commits: [] }))).toEqual(['one live owner'])
  })
  test('nobody', () => {
    expect(found(clean({ heard: [] }))).toEqual(Array(3).fill('one live owner'))
  })
  test('a message on whose way its thread was frozen had begun; the next one had not', () => {
    const freezes = [{ pid: 1, fromMs: 104, toMs: 115 }]
    expect(found(two(joined(105, 2, {}, B), { freezes }))).toEqual([])
    const record = [...two(joined(105, 2, {}, B)).record, handled(3, 130)]
    expect(found(two(joined(105, 2, {}, B), { freezes, record }))).toEqual(['one live owner'])
    // A child of it was frozen, and not the one that has the thread.
    const child = [handled(0, 100), handled(1, 110, B), handled(2, 120, { worker: 3 })]
    expect(found(two(joined(105, 2, {}, B), { freezes, record: child }))).toEqual(['one live owner'])
    const inFlight = [handled(0, 100, { endMs: 116 }), handled(1, 110, B), handled(2, 120)]
    expect(found(two(joined(105, 2, {}, B), { freezes, record: inFlight }))).toEqual(['one live owner'])
  })
  test('a partition that the coordinator gave to two members', () => {
    const member = (memberId: string) => ({
      memberId,
      groupInstanceId: null,
      clientId: memberId,
      assignment: { t: [0] },
    })
    const generation = {
      groupId: 'g',
      generation: 1,
      protocol: 'range',
      leader: 'x',
      members: [member('x'), member('y')],
    }
    expect(found(clean({ generations: [generation] }))).toEqual(['one live owner'])
  })
})

test('a generation that no fault has caused', () => {
  expect(found(clean({ heard: [...clean().heard, joined(125, 2)] }))).toEqual(['rebalances = 0'])
})

test('a client id that two incarnations have, and one that a seat and a thread have', () => {
  const ready = (incarnation: number, clientId: string) => heard('slot:ready', 126, { slot: 0, incarnation, clientId })
  expect(found(clean({ heard: [...clean().heard, ready(2, 'thread-1')] }))).toEqual(['client ids are all different'])
  expect(found(clean({ heard: [...clean().heard, ready(2, 'seat-1')] }))).toEqual(['client ids are all different'])
  expect(found(clean({ heard: [...clean().heard, ready(2, 'thread-2')] }))).toEqual([])
})

test('a slot with another instance id than before', () => {
  const of = (instanceId: string) => joined(50, 1, { instanceId })
  expect(found(clean({ heard: [of('a-0'), of('a-1')] }))).toContain('instance ids are stable')
})

test('a stop that takes too long', () => {
  const stopped = (tookMs: number) => clean({ heard: [...clean().heard, heard('stopped', 200, { tookMs })] })
  expect(found(stopped(STOP_MS))).toEqual([])
  expect(found(stopped(STOP_MS + SLACK_MS + 1))).toEqual(['a stop is bounded'])
})

test('a pool that gives up, or passes messages over', () => {
  for (const event of ['pool:escalated', 'offset:reset', 'group:fenced'])
    expect(found(clean({ heard: [...clean().heard, heard(event, 126, {})] }))).toEqual(['what must not be said'])
})

describe('the log is readable', () => {
  const warnings = (count: number, atMs: number) =>
    Array.from({ length: count }, () => ({ member: 'a', pid: 1, atMs, words: 'cannot fetch' }))

  test('a few words for each fault', () => {
    const evidence = clean({
      warnings: [...warnings(MOST_LINES, 95), ...warnings(MOST_LINES, 205)],
      episodes: [fault(90), fault(200)],
    })
    expect(found(evidence)).toEqual([])
  })
  test('the same words again and again', () => {
    expect(found(clean({ warnings: warnings(MOST_LINES + 1, 95) }))).toEqual(['the log is readable'])
  })
})
