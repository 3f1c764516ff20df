import type { Share, SharedTopic } from './share.js'

/** Who can get a piece from whom. */
interface Step {
  readonly from: Share
  readonly topic: SharedTopic
}

/**
 * Makes the shares as equal as they can be: as long as a piece of somebody can go to one who has two less, perhaps by way
 * of others whose topics reach further, it goes there. Without such a way the shares are optimal (Harvey, Ladner, Lovász,
 * Tamir: Semi-matchings for bipartite graphs).
 *
 * @param onlyLoose move only what no member owns
 */
export const evenOut = (shares: readonly Share[], onlyLoose: boolean): void => {
  const open = new Set(shares)
  for (let from = largest(open); from !== null; from = largest(open)) {
    const { steps, to } = wayFrom(from, onlyLoose)
    if (to !== null) shift(steps, to)
    // Whoever can be reached from there has one less than that at the least. So no larger share is among them, and no
    // smaller one can have business with them.
    else for (const share of steps.keys()) open.delete(share)
  }
}

const largest = (shares: Iterable<Share>): Share | null => {
  let found: Share | null = null
  for (const share of shares) if (found === null || share.size > found.size) found = share
  return found
}

/** The shortest way to somebody with two less; of these the one with least. */
const wayFrom = (from: Share, onlyLoose: boolean): { steps: Map<Share, Step | null>; to: Share | null } => {
  const steps = new Map<Share, Step | null>([[from, null]])
  const opened = new Set<readonly Share[]>()
  for (let level = [from]; level.length > 0; ) {
    const next: Share[] = []
    let to: Share | null = null
    for (const giver of level) {
      for (const topic of giver.givable(onlyLoose)) {
        if (opened.has(topic.subscribers)) continue
        opened.add(topic.subscribers)
        for (const taker of topic.subscribers) {
          if (steps.has(taker)) continue
          steps.set(taker, { from: giver, topic })
          next.push(taker)
          if (taker.size + 1 < from.size && (to === null || taker.size < to.size)) to = taker
        }
      }
    }
    if (to !== null) return { steps, to }
    level = next
  }
  return { steps, to: null }
}

/** Each on the way gives one piece to the next, beginning at the end. */
const shift = (steps: ReadonlyMap<Share, Step | null>, to: Share): void => {
  let taker = to
  for (let step = steps.get(taker); step; step = steps.get(taker)) {
    const piece = step.from.best(step.topic, taker)
    if (piece !== undefined) step.from.give(piece, taker)
    taker = step.from
  }
}
