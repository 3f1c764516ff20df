/*
 * Judges a run of chaos.mjs. All times are milliseconds of the machine's wall clock.
 *
 * A holding: { member, kind, partition, fromMs, toMs, how }, by the member's own words; `how` it ended: revoked, lost or ended
 * (with its process). A handling: { member, kind, partition, offset, startMs, endMs }, `endMs` null when it never came back.
 */

/** Both sides round their clocks. */
const ROUNDING_MS = 2

const groupBy = (items, keyOf) => {
  const groups = new Map()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/**
 * Pairs of members that both held a partition. Who was thrown out hears of that late, so a holding that ended as lost
 * lasts, for this, until its member's last begin of a message there.
 */
export const overlapsOf = (holdings, handlings) => {
  const begun = groupBy(handlings, ({ member, partition }) => `${member}/${partition}`)
  const endOf = ({ how, member, partition, fromMs, toMs }) => {
    if (how !== 'lost') return toMs
    const starts = (begun.get(`${member}/${partition}`) ?? []).map(({ startMs }) => startMs)
    return Math.max(fromMs, ...starts.filter((startMs) => startMs >= fromMs && startMs <= toMs))
  }
  return [...groupBy(holdings, ({ partition }) => partition).values()].flatMap((all) => {
    const sorted = all.toSorted((a, b) => a.fromMs - b.fromMs)
    return sorted.flatMap((before, at) =>
      sorted
        .slice(at + 1)
        .filter((after) => after.member !== before.member && after.fromMs + ROUNDING_MS < endOf(before))
        .map((after) => ({ before, after, ms: endOf(before) - after.fromMs })),
    )
  })
}

/** Why a message came again after this handling of it, or undefined when nothing that is known excuses it. */
const causeOf = (first, again, { losses, deaths, crashes, commits, outages }) => {
  const { member, kind, pid, partition, offset, startMs, endMs } = first
  const before = (atMs) => atMs >= startMs && atMs <= again.startMs + ROUNDING_MS
  const here = commits.filter((commit) => commit.partition === partition && before(commit.atMs))
  const committed = here.find((commit) => commit.member === member && commit.offset > offset)
  if (committed !== undefined) {
    const less = here.find((one) => one.kind !== 'own' && one.atMs >= committed.atMs && one.offset <= offset)
    return less === undefined ? undefined : `committed by ${kind}, and ${less.kind} committed less after that`
  }
  const loss = losses.find((one) => one.member === member && one.partition === partition && before(one.atMs))
  if (kind !== 'own') return loss === undefined ? undefined : `handled by ${kind}, which went without committing it`
  if (crashes.some((one) => one.member === member && before(one.atMs) && one.inFlight.has(`${partition}/${offset}`)))
    return 'in flight when its thread died'
  if (deaths.some((one) => one.pid === pid && one.how === 'SIGKILL' && before(one.atMs)))
    return endMs === null ? 'in flight when its process was killed' : 'not committed yet when its process was killed'
  if (loss?.how === 'revoked' && (endMs === null || endMs >= loss.atMs))
    return 'in flight when its partition was taken away'
  const away = outages.some(({ fromMs, toMs }) => loss !== undefined && fromMs <= loss.atMs && loss.atMs <= toMs)
  if (away && loss.how === 'lost') return 'its membership was lost while a node was away'
  if (away && loss.how === 'revoked') return 'its partition was given up while a node was away'
  return undefined
}

/** Each handling of a message after the first, with its cause. */
export const repeatsOf = (handlings, known) =>
  [...groupBy(handlings, ({ partition, offset }) => `${partition}/${offset}`).values()].flatMap((all) => {
    const sorted = all.toSorted((a, b) => a.startMs - b.startMs)
    return sorted.slice(1).map((again, at) => ({
      first: sorted[at],
      again,
      cause: causeOf(sorted[at], again, known),
    }))
  })

/** Messages of the ranges that nobody handled to the end. */
export const lostOf = (ranges, handlings) => {
  const done = new Set(handlings.filter(({ endMs }) => endMs !== null).map((one) => `${one.partition}/${one.offset}`))
  return ranges.flatMap(({ partition, from, to }) =>
    Array.from({ length: to - from }, (_, at) => `${partition}/${from + at}`).filter((message) => !done.has(message)),
  )
}
