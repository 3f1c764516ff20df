/*
 * Judges a run of chaos.mjs. All times are milliseconds of the machine's wall clock.
 *
 * A holding: { member, kind, partition, fromMs, toMs, how, givenUpMs }, by the member's own words; `how` it ended: revoked, lost
 * or ended (with its process); `givenUpMs` when it said that nothing begins there any more. A handling: { member, kind, pid,
 * partition, offset, startMs, endMs }, `endMs` null when it never came back. An outage of a node: { fromMs, toMs }.
 */

/** Both sides round their clocks. */
const ROUNDING_MS = 2
/** What is finished is committed every second; on a machine that is busy it may take a while to be stored. */
const COMMIT_LAG_MS = 5_000

const groupBy = (items, keyOf) => {
  const groups = new Map()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

const isDuring = (outages, fromMs, toMs) => outages.some((one) => one.fromMs <= toMs && fromMs <= one.toMs)

/**
 * Pairs of members that both held a partition. Who was thrown out hears of that late, so a holding that ended as lost lasts, for
 * this, until its member's last begin of a message there; Java's tool calls that revoked, so while a node is away its word does
 * not count. Who gives something up says so before the next one gets it, and handles nothing of it from then on: if it does, it
 * held it until then.
 */
export const overlapsOf = (holdings, handlings, outages = []) => {
  const begun = groupBy(handlings, ({ member, partition }) => `${member}/${partition}`)
  const lastIn = ({ member, partition }, fromMs, toMs, momentsOf) => {
    const moments = (begun.get(`${member}/${partition}`) ?? []).flatMap(momentsOf)
    return Math.max(fromMs, ...moments.filter((atMs) => atMs >= fromMs && atMs <= toMs))
  }
  const endOf = (holding) => {
    const { kind, how, fromMs, toMs, givenUpMs } = holding
    const isThrownOut = how === 'lost' || (kind === 'java' && how === 'revoked' && isDuring(outages, toMs, toMs))
    if (isThrownOut) return lastIn(holding, fromMs, toMs, ({ startMs }) => [startMs])
    if (givenUpMs === undefined) return toMs
    return lastIn(holding, givenUpMs, toMs, ({ startMs }) => [startMs])
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

/** Partitions that two members were assigned in one generation, whatever they did there: { member, generation, partition, atMs }. */
export const sharedOf = (assignments) =>
  [...groupBy(assignments, ({ generation, partition }) => `${generation}/${partition}`).values()].filter(
    (all) => new Set(all.map(({ member }) => member)).size > 1,
  )

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
  const loss = losses.find((one) => one.member === member && one.partition === partition && before(one.toMs))
  if (kind !== 'own') return loss === undefined ? undefined : `handled by ${kind}, which went without committing it`
  if (crashes.some((one) => one.member === member && before(one.atMs) && one.inFlight.has(`${partition}/${offset}`)))
    return 'in flight when its thread died'
  const kill = deaths.find((one) => one.pid === pid && one.how === 'SIGKILL' && before(one.atMs))
  if (kill !== undefined) {
    if (endMs === null || endMs >= kill.atMs) return 'in flight when its process was killed'
    if (kill.atMs - endMs <= COMMIT_LAG_MS) return 'not committed yet when its process was killed'
    if (isDuring(outages, endMs, kill.atMs)) return 'a node was away, and then its process was killed'
  }
  if (loss === undefined) return undefined
  if (loss.how === 'revoked' && (endMs === null || endMs >= (loss.givenUpMs ?? loss.toMs)))
    return 'in flight when its partition was taken away'
  // Its coordinator may have been away: from then on it could commit nothing, and it may have lost its membership.
  const isAway = outages.some(
    ({ fromMs, toMs }) => fromMs - COMMIT_LAG_MS <= (endMs ?? startMs) && fromMs <= loss.toMs && loss.toMs <= toMs,
  )
  if (isAway && loss.how === 'lost') return 'its membership was lost while a node was away'
  if (isAway && loss.how === 'revoked') return 'its partition was given up while a node was away'
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
