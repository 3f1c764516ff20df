import { groupBy } from './group-by.mjs'

/*
 * Why messages of a run of chaos.mjs came again. Beside holdings, handlings and commits it looks at
 * - deaths: { pid, atMs, how } of our processes, `how` a signal or an exit code
 * - crashes: { member, atMs, inFlight } of our threads
 * - outages: { fromMs, toMs } of any node: commits wait for all replicas, whichever node leads the group
 */

const ROUNDING_MS = 2

/** How many of the ms between two moments no node was away, nor a session ago: leaders and coordinators move that long. */
const quietMs = (fromMs, toMs, outages, { sessionMs }) => {
  let [quiet, at] = [0, fromMs]
  for (const away of outages.toSorted((a, b) => a.fromMs - b.fromMs)) {
    quiet += Math.max(0, Math.min(away.fromMs, toMs) - at)
    at = Math.max(at, Math.min(away.toMs + sessionMs, toMs))
  }
  return quiet + Math.max(0, toMs - at)
}

/**
 * Whether a message that was finished could still be uncommitted when its slot gave up, lost or died. A commit has all that was
 * finished when it was asked for, so the first that comes back after the message may miss it, and no second one.
 */
const mayBeUncommitted = ({ member, endMs }, { atMs, toMs }, { commits, outages }, times) => {
  const since = commits.filter((one) => one.member === member && one.atMs > endMs + ROUNDING_MS && one.atMs <= toMs)
  if (new Set(since.map((one) => one.atMs)).size > 1) return false
  return quietMs(endMs, atMs, outages, times) <= times.commitMs + times.commitTakesMs
}

/** The end of the holding in which a message was handled, if that came before the message did again. */
const endOf = ({ member, partition, startMs }, again, { holdings }) => {
  const holding = holdings
    .filter((one) => one.member === member && one.partition === partition && one.fromMs <= startMs + ROUNDING_MS)
    .at(-1)
  if (holding === undefined) return null
  const { gaveUpMs, toMs, how } = holding
  const atMs = how === 'revoked' ? (gaveUpMs ?? toMs) : toMs
  return atMs <= again.startMs + ROUNDING_MS ? { how, atMs, toMs: Math.min(toMs, again.startMs) } : null
}

/** When the one who handles a message again was told where to begin. */
const positionMs = (first, { member, partition, startMs }, { holdings }) => {
  const fromMs = holdings
    .filter((one) => one.member === member && one.partition === partition && one.fromMs <= startMs + ROUNDING_MS)
    .at(-1)?.fromMs
  return fromMs !== undefined && fromMs > first.startMs ? fromMs : startMs
}

const uncommittedCause = (first, end, known, times) => {
  const { member, pid, startMs, endMs } = first
  const isInFlight = (endMs === null || endMs >= end.atMs) && startMs <= end.atMs + ROUNDING_MS
  if (end.how === 'ended') {
    if (!known.deaths.some((one) => one.pid === pid && one.how === 'SIGKILL' && one.atMs === end.atMs)) return undefined
    // A slot handles one message at a time, so one that it went on after was not in flight any more.
    const wentOn = known.handlings.some(
      (one) => one.member === member && one.startMs > startMs && one.startMs < end.atMs,
    )
    if (isInFlight) return wentOn ? undefined : 'in flight when its process was killed'
    if (endMs === null || !mayBeUncommitted(first, end, known, times)) return undefined
    return 'not committed yet when its process was killed'
  }
  if (end.how === 'revoked' && isInFlight) return 'in flight when its partition was taken away'
  const { sessionMs } = times
  if (!known.outages.some(({ fromMs, toMs }) => fromMs <= end.atMs && end.atMs <= toMs + sessionMs)) return undefined
  if (!isInFlight && (endMs === null || !mayBeUncommitted(first, end, known, times))) return undefined
  return end.how === 'lost'
    ? 'its membership was lost while a node was away'
    : 'its partition was given up while a node was away'
}

/** Why a message came again after this handling of it, or undefined when nothing that is known excuses it. */
const causeOf = (first, again, known, times) => {
  const { member, kind, partition, offset, startMs } = first
  const knownMs = positionMs(first, again, known)
  const here = known.commits.filter((one) => one.partition === partition && one.atMs >= startMs && one.atMs < knownMs)
  const more = here.filter((one) => one.offset > offset).at(-1)
  if (more !== undefined) {
    const less = here.find((one) => one.kind !== 'own' && one.atMs >= more.atMs && one.offset <= offset)
    return less === undefined ? undefined : `committed by ${more.kind}, and ${less.kind} committed less after that`
  }
  const died = known.crashes.some(
    (one) =>
      one.member === member &&
      one.atMs >= startMs &&
      one.atMs <= again.startMs + ROUNDING_MS &&
      one.inFlight.has(`${partition}/${offset}`),
  )
  if (died) return 'in flight when its thread died'
  const end = endOf(first, again, known)
  if (end === null) return undefined
  return kind === 'own'
    ? uncommittedCause(first, end, known, times)
    : `handled by ${kind}, which went without committing it`
}

/** Each handling of a message after the first, with its cause. */
export const repeatsOf = (known, times) => {
  const holdings = known.holdings.toSorted((a, b) => a.fromMs - b.fromMs)
  const commits = known.commits.toSorted((a, b) => a.atMs - b.atMs)
  return [...groupBy(known.handlings, ({ partition, offset }) => `${partition}/${offset}`).values()].flatMap((all) => {
    const sorted = all.toSorted((a, b) => a.startMs - b.startMs)
    return sorted.slice(1).map((again, at) => ({
      first: sorted[at],
      again,
      cause: causeOf(sorted[at], again, { ...known, holdings, commits }, times),
    }))
  })
}
