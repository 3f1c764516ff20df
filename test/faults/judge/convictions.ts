import { groupBy } from '#src/util/group-by.js'
import { CONVICT_AFTER } from '../times.js'
import { type Evidence, type Heard, type Letter, place, type Violation, violation } from './evidence.js'

/** Of all handlings by its processes, while it cannot say what was in flight: that the first death tells of nobody, and a few of many. */
const MOST_PROCESS_DEATHS = 2 * CONVICT_AFTER + 1

/** Deeds after which no thread has handled the message: every time, or often enough. */
const killsAlways = (deed: string): boolean => {
  const [, word = '', amount] = /^([a-z]+)(?::(\d+))?$/.exec(deed) ?? []
  return ['exit', 'kill', 'vast', 'signal'].includes(word) || (word === 'exits' && Number(amount) >= CONVICT_AFTER)
}

const reasonFor = (deed: string | null): Letter['reason'] | null => {
  if (deed === null) return null
  if (killsAlways(deed)) return 'killed'
  return deed === 'final' ? 'non-retriable' : null
}

/** Nothing is a dead letter but what has deserved it, and for its own reason: no message is convicted for its neighbours. */
export const reasons = ({ acknowledged, deadLetters }: Evidence): Violation[] => {
  const deeds = new Map(acknowledged.map((message) => [place(message), message.deed]))
  return deadLetters.flatMap((letter) => {
    const deed = deeds.get(place(letter)) ?? null
    const { reason, attempts } = letter
    const isDue = reasonFor(deed) === reason && (reason !== 'killed' || attempts >= CONVICT_AFTER)
    if (isDue) return []
    const what = `${place(letter)} (${deed ?? 'plain work'}) is one, as ${reason} after ${attempts} attempts`
    return [violation('only what has deserved it is a dead letter', what)]
  })
}

interface Crash {
  readonly inFlight: readonly { readonly partition: number; readonly offset: string }[]
}

/** Those that had one message alone in flight, by pool and message. */
const aloneIn = (heard: readonly Heard[]): Map<string, Heard[]> => {
  const alone = heard.filter(({ event, payload }) => {
    return event === 'slot:crashed' && (payload as unknown as Crash).inFlight.length === 1
  })
  return groupBy(alone, ({ pid, payload }) => {
    const [message] = (payload as unknown as Crash).inFlight
    return `${message === undefined ? '' : place(message)} in process ${pid}`
  })
}

/** No message kills more threads of a pool than convict it, nor more processes than it takes to find it out. */
export const convicted = (evidence: Evidence): Violation[] => {
  const { heard, record } = evidence
  const threads = [...aloneIn(heard)].flatMap(([what, deaths]) => {
    const last = deaths[CONVICT_AFTER]
    if (last === undefined) return []
    return [violation('what kills is convicted', `${what} has ended ${deaths.length} threads`, last.atMs)]
  })
  const nameOf = new Map(heard.map(({ pid, member }) => [pid, member]))
  const open = record.filter(({ endMs }) => endMs === null)
  const byMember = groupBy(open, (handling) => `${place(handling)} in ${nameOf.get(handling.pid)}`)
  const processes = [...byMember].flatMap(([what, deaths]) => {
    const pids = new Set(deaths.map(({ pid }) => pid))
    if (pids.size <= MOST_PROCESS_DEATHS) return []
    return [violation('what kills is convicted', `${what} has ended ${pids.size} processes`, deaths.at(-1)?.startMs)]
  })
  return [...threads, ...processes]
}

/** What a pool has stored as a dead letter it handles no more. */
export const lettersAreFinal = ({ heard, record }: Evidence): Violation[] => {
  const storedAtMs = new Map<string, number>()
  for (const { event, pid, atMs, payload } of heard) {
    if (event !== 'message:dead-lettered') continue
    const { partition, offset } = payload as unknown as { partition: number; offset: string }
    const key = `${place({ partition, offset })} ${pid}`
    if (!storedAtMs.has(key)) storedAtMs.set(key, atMs)
  }
  return record.flatMap((handling) => {
    const { pid, startMs } = handling
    const atMs = storedAtMs.get(`${place(handling)} ${pid}`)
    if (atMs === undefined || atMs >= startMs) return []
    return [
      violation('a dead letter is finished', `${place(handling)} was begun by process ${pid} after that`, startMs),
    ]
  })
}
