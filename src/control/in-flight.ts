import type { Ledger } from '../protocol/ledger.js'
import type { InFlightMessage } from './events.js'
import { finishedUpTo, type Holdings } from './holdings.js'

/** What is being handled at that moment (monotonic), of what is held. A message whose finish was noted does not count. */
export const inFlightMessages = (
  ledger: Pick<Ledger, 'flights'>,
  holdings: Holdings,
  nowMs: number,
): InFlightMessage[] =>
  ledger.flights(nowMs).flatMap(({ partitionId, offset, attempt, runningMs }) => {
    const holding = holdings.byId(partitionId)
    if (holding === undefined || offset < finishedUpTo(holding)) return []
    const { topic, partition } = holding
    return [{ topic, partition, offset: offset.toString(), attempt, runningMs }]
  })
