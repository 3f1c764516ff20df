import type { TopicPartition } from '../kafka/metadata.js'
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

/** The batch that is being decoded, of what is held; null when none is, or when it waits and handlers go on. */
export const decodedBatch = (
  ledger: Pick<Ledger, 'decoding' | 'flights'>,
  holdings: Holdings,
): (TopicPartition & { readonly offset: string; readonly last: string }) | null => {
  const { decoding } = ledger
  const holding = decoding === null ? undefined : holdings.byId(decoding.partitionId)
  if (decoding === null || holding === undefined) return null
  if (decoding.waits && ledger.flights().length > 0) return null
  const { topic, partition } = holding
  return { topic, partition, offset: decoding.first.toString(), last: decoding.last.toString() }
}
