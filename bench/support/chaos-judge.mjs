import { repeatsOf } from './chaos-causes.mjs'
import { groupBy } from './group-by.mjs'

/*
 * Judges a run of chaos.mjs: evidence in, verdict out. All times are milliseconds of the machine's wall clock. Holdings are described
 * in chaos-own.mjs. A handling: { member, kind, pid, partition, offset, startMs, endMs }, `endMs` null when it never came back.
 */

/** Both sides round their clocks. */
export const ROUNDING_MS = 2

const keyOf = ({ member, partition }) => `${member}/${partition}`

/** For a holding: the last begin of a message there, also after its end, before the member got the partition again. */
const lastBegins = (holdings, handlings) => {
  const begun = groupBy(handlings, keyOf)
  const held = groupBy(holdings, keyOf)
  return (holding) => {
    const next = Math.min(
      ...held.get(keyOf(holding)).flatMap(({ fromMs }) => (fromMs > holding.fromMs ? [fromMs] : [])),
    )
    const starts = (begun.get(keyOf(holding)) ?? []).map(({ startMs }) => startMs)
    return starts.reduce((last, at) => (at >= holding.fromMs && at < next && at > last ? at : last), holding.fromMs)
  }
}

/** What is not known is not shared; such holdings blind the judge, see below. */
const sharesGeneration = (one, other) =>
  (one.toGeneration ?? -1) >= (other.fromGeneration ?? 0) && (other.toGeneration ?? -1) >= (one.fromGeneration ?? 0)

/**
 * Pairs of members that both held a partition. In one generation that is never right, whatever came of it, unless a static
 * member came back after its process had ended. Between two generations what counts is whether the first one still began
 * messages: who was thrown out hears of that late, and who gave a partition up is told of its end in the generation after. A
 * message in flight is no begin: it may come to its end, and what that repeats is judged as a repetition.
 */
export const overlapsOf = (holdings, handlings) => {
  const lastBegin = lastBegins(holdings, handlings)
  const endOf = (before) => {
    if (before.how === 'lost') return lastBegin(before)
    return Math.max(before.gaveUpMs ?? before.toMs, lastBegin(before))
  }
  const conflict = (before, after) => {
    if (after.member === before.member) return []
    const isBack = before.instanceId !== null && before.instanceId === after.instanceId
    const shared = !isBack && sharesGeneration(before, after)
    const ms = Math.min(isBack ? Math.max(before.toMs, lastBegin(before)) : endOf(before), endOf(after)) - after.fromMs
    if (!shared && ms <= ROUNDING_MS) return []
    return [{ before, after, ms, why: shared ? 'the same generation' : 'the same time' }]
  }
  return [...groupBy(holdings, ({ partition }) => partition).values()].flatMap((all) => {
    const sorted = all.toSorted((a, b) => a.fromMs - b.fromMs)
    return sorted.flatMap((before, at) => sorted.slice(at + 1).flatMap((after) => conflict(before, after)))
  })
}

/** Messages that a slot of ours began where it held nothing yet, or had given up what it held. */
export const straysOf = (holdings, handlings) => {
  const held = groupBy(holdings, keyOf)
  const endOf = ({ how, gaveUpMs, toMs }) => (how === 'lost' ? Number.POSITIVE_INFINITY : (gaveUpMs ?? toMs))
  return handlings.filter(
    (one) =>
      one.kind === 'own' &&
      !(held.get(keyOf(one)) ?? []).some(
        (each) => each.fromMs - ROUNDING_MS <= one.startMs && one.startMs <= endOf(each) + ROUNDING_MS,
      ),
  )
}

/** Messages of the ranges that nobody handled to the end. */
export const lostOf = (ranges, handlings) => {
  const done = new Set(handlings.filter(({ endMs }) => endMs !== null).map((one) => `${one.partition}/${one.offset}`))
  return ranges.flatMap(({ partition, from, to }) =>
    Array.from({ length: to - from }, (_, at) => `${partition}/${from + at}`).filter((message) => !done.has(message)),
  )
}

/** Why the verdict cannot be believed: nothing is found where nothing is seen. */
export const blindnessOf = (kinds, { holdings, handlings, commits }) => [
  ...kinds.flatMap((kind) =>
    Object.entries({ holdings, handlings, commits })
      .filter(([, all]) => !all.some((one) => one.kind === kind))
      .map(([what]) => `no ${what} of ${kind}`),
  ),
  ...holdings
    .filter(({ fromGeneration, toGeneration }) => fromGeneration === null || toGeneration === null)
    .map(({ member, partition }) => `${member} never said in which generation it held partition ${partition}`),
]

/**
 * @param ranges of offsets that the topic has: { partition, from, to }, `to` is the first that it has not
 * @param evidence holdings, handlings and commits of all members; crashes, deaths and outages as chaos-causes.mjs has them
 */
export const verdictOf = (ranges, evidence, times) => {
  const { holdings, handlings } = evidence
  return {
    lost: lostOf(ranges, handlings),
    overlaps: overlapsOf(holdings, handlings),
    strays: straysOf(holdings, handlings),
    repeats: repeatsOf(evidence, times),
    blindness: blindnessOf(['own', 'java', 'librdkafka'], evidence),
  }
}
