import { committedIsFinal, neverBack, onlyFinished } from './commits.js'
import { convicted, lettersAreFinal, reasons } from './convictions.js'
import { Episodes } from './episodes.js'
import type { Evidence, Violation } from './evidence.js'
import { clientIds, instanceIds } from './identities.js'
import { stops, unheard } from './life.js'
import { readable } from './log.js'
import { lost, order, repeated } from './messages.js'
import { Owners, oneAssignee, oneOwner, rebalances } from './owners.js'

const sorted = <T extends object>(items: readonly T[], key: keyof T): T[] =>
  [...items].sort((a, b) => Number(a[key]) - Number(b[key]))

/** Everything in a world's history that must not be, by time. Pure. */
export const judge = (given: Evidence): Violation[] => {
  const evidence = { ...given, record: sorted(given.record, 'startMs'), heard: sorted(given.heard, 'atMs') }
  const episodes = new Episodes(evidence.episodes, evidence.heard)
  const owners = new Owners(evidence.heard)
  return [
    ...lost(evidence),
    ...repeated(evidence, episodes),
    ...order(evidence, owners),
    ...neverBack(evidence),
    ...onlyFinished(evidence),
    ...committedIsFinal(evidence, owners),
    ...reasons(evidence),
    ...convicted(evidence),
    ...lettersAreFinal(evidence),
    ...oneOwner(evidence, owners),
    ...oneAssignee(evidence),
    ...rebalances(evidence, episodes),
    ...clientIds(evidence),
    ...instanceIds(evidence),
    ...stops(evidence),
    ...unheard(evidence),
    ...readable(evidence, episodes),
  ].sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0))
}
