import { groupBy } from '#src/util/group-by.js'
import { RELEASE_MS } from '../times.js'
import type { Episodes } from './episodes.js'
import { type Evidence, type Handled, place, type Violation, violation } from './evidence.js'
import type { Owners } from './owners.js'

/** Every message of the topic was handled to the end, or is a dead letter, and is the one that was acknowledged there. */
export const lost = ({ acknowledged, stored, record, deadLetters }: Evidence): Violation[] => {
  const finished = new Map(
    record.filter(({ outcome }) => outcome === 'finished').map((handling) => [place(handling), handling]),
  )
  const letters = new Map(deadLetters.map((letter) => [place(letter), letter]))
  const faults: Violation[] = []
  for (const { partition, from, to } of stored) {
    for (let offset = from; offset < to; offset++) {
      const at = place({ partition, offset })
      if (!finished.has(at) && !letters.has(at))
        faults.push(violation('lost = 0', `${at} was never handled to the end`))
    }
  }
  for (const message of acknowledged) {
    const handling = finished.get(place(message))
    const letter = letters.get(place(message))
    const numbers = [
      ...(handling === undefined ? [] : [handling.result]),
      ...(letter === undefined ? [] : [letter.number]),
    ]
    for (const number of numbers) {
      if (number === message.number) continue
      const what = `${place(message)} was acknowledged as message ${message.number}, and ${number} came out`
      faults.push(violation('lost = 0', what, handling?.startMs ?? null))
    }
  }
  return faults
}

/** For each message the beginnings of its first attempts. */
const beginnings = (record: readonly Handled[]): Handled[][] => [
  ...groupBy(
    record.filter(({ attempt }) => attempt === 1),
    place,
  ).values(),
]

/** How often messages were begun anew, by episode. */
export const repeatsIn = ({ record }: Evidence, episodes: Episodes): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const [, ...again] of beginnings(record)) {
    for (const { startMs } of again) {
      const episode = episodes.indexAt(startMs)
      counts.set(episode, (counts.get(episode) ?? 0) + 1)
    }
  }
  return counts
}

/** A message is begun anew only for what the fault of the moment may repeat. */
export const repeated = (evidence: Evidence, episodes: Episodes): Violation[] => {
  const diedOf = new Set(
    evidence.heard
      .filter(({ event }) => event === 'slot:crashed')
      .flatMap(({ pid, payload }) => {
        const { slot, incarnation, inFlight } = payload as unknown as {
          slot: number
          incarnation: number
          inFlight: readonly { partition: number; offset: string }[]
        }
        return inFlight.map((message) => `${place(message)} ${ownerOf({ pid, slot, incarnation })}`)
      }),
  )
  const wasInFlight = (handling: Handled) => diedOf.has(`${place(handling)} ${ownerOf(handling)}`)
  const losses = evidence.heard
    .filter(({ event }) => event === 'group:assigned')
    .flatMap(({ pid, atMs, payload }) => {
      const { slot, removed } = payload as unknown as { slot: number; removed: readonly { partition: number }[] }
      return removed.map(({ partition }) => ({ pid, slot, partition, atMs }))
    })
  /** A rebalance has waited for it, as long as it may, and has given its partition to the other. */
  const wasTakenAway = ({ pid, slot, partition, startMs, endMs }: Handled, again: Handled) =>
    losses.some(
      (loss) =>
        loss.pid === pid &&
        loss.slot === slot &&
        loss.partition === partition &&
        loss.atMs >= startMs + RELEASE_MS &&
        loss.atMs < Math.min(endMs ?? Number.POSITIVE_INFINITY, again.startMs),
    )

  const stops = evidence.heard
    .filter(({ event, payload }) => event === 'pool:stopped' && payload.drained === false)
    .map(({ pid, atMs, payload }) => ({ pid, beganAtMs: atMs - Number(payload.afterMs) }))
  /** Its pool has stopped, and others have waited for it as long as for anybody's. */
  const wasLeft = (before: Handled, again: Handled) =>
    (before.endMs ?? Number.POSITIVE_INFINITY) > again.startMs &&
    before.pid !== again.pid &&
    stops.some(({ pid, beganAtMs }) => pid === before.pid && again.startMs >= beganAtMs + evidence.leftAfterMs)

  return beginnings(evidence.record).flatMap((starts) =>
    starts.slice(1).flatMap((again, n) => {
      const before = starts[n]
      const { repeats, rebalances, name } = episodes.at(again.startMs)
      if (before === undefined || repeats === 'uncommitted') return [] // see `committedIsFinal`
      if (repeats === 'in flight' && wasInFlight(before)) return []
      if (rebalances && (wasTakenAway(before, again) || wasLeft(before, again))) return []
      // Nobody had finished it, and a new owner knows nothing of the attempts before.
      if (before.outcome === 'failed' && ownerOf(before) !== ownerOf(again)) return []
      const what = `${place(again)} was begun again by ${who(again)}; before by ${who(before)}, ${before.outcome ?? 'open'}`
      return [violation(`repeated: ${repeats}`, `${what} (${name})`, again.startMs)]
    }),
  )
}

const ownerOf = ({ pid, slot, incarnation }: Pick<Handled, 'pid' | 'slot' | 'incarnation'>): string =>
  `${pid}/${slot}/${incarnation}`

const who = ({ pid, slot, incarnation }: Handled): string => `process ${pid}, slot ${slot}, incarnation ${incarnation}`

/** Within a partition and an assignment offsets rise, and nothing is passed over. */
export const order = ({ record }: Evidence, owners: Owners): Violation[] => {
  const faults: Violation[] = []
  for (const [partition, handlings] of groupBy(record, (handling) => handling.partition)) {
    const started = new Set<number>()
    let highest = -1
    const last = new Map<string, Handled>()
    for (const handling of handlings) {
      const { offset, startMs } = handling
      if (!started.has(offset) && offset < highest) {
        const what = `${partition}@${offset} was begun after ${partition}@${highest}, by ${who(handling)}`
        faults.push(violation('order rises', what, startMs))
      }
      const owner = ownerOf(handling)
      const before = last.get(owner)
      const isRetry = before?.offset === offset && handling.attempt > before.attempt
      if (before !== undefined && before.offset >= offset && !isRetry && !owners.joinedBetween(before, handling)) {
        const what = `${who(handling)} went back from ${partition}@${before.offset} to ${offset}`
        faults.push(violation('order rises', what, startMs))
      }
      last.set(owner, handling)
      started.add(offset)
      highest = Math.max(highest, offset)
    }
  }
  return faults
}
