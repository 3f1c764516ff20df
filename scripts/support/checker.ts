import type { Handling } from './recorder.js'
import type { Range } from './topics.js'

/*
 * Judges what handlers did, by what they recorded. A message is a topic, a partition and an offset. An owner is one incarnation
 * of one slot of one pool; pools are told apart by their processes and threads. A handling that never came back (its
 * thread died, or it still runs) lasts until the last thing that its owner recorded, so what it is blamed for did happen.
 */

export interface MessageId {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

type AnyMessage = Omit<MessageId, 'offset'> & { readonly offset: number | string | bigint }

export interface RecordedCrash {
  readonly slot: number
  readonly incarnation: number
  /** Messages that were in flight when the thread died, as the pool reported them. */
  readonly inFlight: readonly AnyMessage[]
}

/** A message and those of its handlings that a finding is about, in the order in which they started. */
export interface Finding extends MessageId {
  readonly handlings: readonly Handling[]
}

export interface Verdict {
  /** Produced, and never handled to the end. */
  readonly lost: readonly MessageId[]
  /** Handled to the end more than once. A failed attempt does not count. The handlings are those that came to the end. */
  readonly repeated: readonly Finding[]
  /**
   * Those of `repeated` that the crashes do not excuse. A crash excuses one handling to the end: that by the
   * incarnation that died, of a message that was in flight then (it had come to its end, but not yet to the ledger).
   */
  readonly unexcused: readonly Finding[]
  /**
   * Begun anew: a first attempt was made more than once, so also a message that was in flight at a crash. Retries are
   * later attempts and do not count. The handlings are the first attempts.
   */
  readonly startedTwice: readonly Finding[]
  /**
   * Handlings that went against the order of their partition:
   * a message that nobody had handled, started after a later one had been started (it was passed over); or an owner
   * that went back behind what it had started, or to what it had finished, with no other owner at the partition in
   * between. Only meaningful when messages are handled in the order of partitions.
   */
  readonly outOfOrder: readonly Handling[]
  /** Two owners had handlings of the same partition, of whatever messages, at the same time. */
  readonly overlapping: readonly (readonly [Handling, Handling])[]
  /** Those of `overlapping` where it was the same message. */
  readonly handledByTwoOwnersAtOnce: readonly (readonly [Handling, Handling])[]
  /** Handled, though never produced. */
  readonly unknown: readonly Handling[]
  readonly counts: {
    readonly produced: number
    /** Messages handled to the end at least once. */
    readonly finished: number
    readonly handlings: number
    readonly failed: number
    /** Handlings that never came back. */
    readonly open: number
    readonly owners: number
  }
}

/** @param history.record in any order */
export const checkHistory = (history: {
  readonly produced: readonly Range[]
  readonly record: readonly Handling[]
  readonly crashes?: readonly RecordedCrash[]
}): Verdict => {
  const { produced, crashes = [] } = history
  const record = [...history.record].sort((a, b) => a.startMs - b.startMs)
  const byMessage = groupBy(record, messageKey)
  const byPartition = groupBy(record, partitionKey)

  const findings = [...byMessage.values()].flatMap((handlings) =>
    handlings[0] ? [finding(handlings[0], handlings)] : [],
  )
  const finished = only(findings, ({ outcome }) => outcome === 'finished')
  const repeated = moreThanOne(finished)
  const excused = new Set(
    crashes.flatMap(({ inFlight, ...died }) => inFlight.map((message) => crashKey({ ...message, ...died }))),
  )
  const finishedKeys = new Set(finished.map(messageKey))
  const lastSeenMs = lastSignOfLife(record)
  const overlapping = [...byPartition.values()].flatMap((handlings) => overlaps(handlings, lastSeenMs))
  const all = produced.flatMap(messagesOf)
  const known = new Set(all.map(messageKey))

  return {
    lost: all.filter((message) => !finishedKeys.has(messageKey(message))),
    repeated,
    unexcused: moreThanOne(only(repeated, (handling) => !excused.has(crashKey(handling)))),
    startedTwice: moreThanOne(only(findings, ({ attempt }) => attempt === 1)),
    outOfOrder: [...byPartition.values()].flatMap(outOfOrder),
    overlapping,
    handledByTwoOwnersAtOnce: overlapping.filter(([a, b]) => a.offset === b.offset),
    unknown: record.filter((handling) => !known.has(messageKey(handling))),
    counts: {
      produced: all.length,
      finished: finished.length,
      handlings: record.length,
      failed: record.filter(({ outcome }) => outcome === 'failed').length,
      open: record.filter(({ outcome }) => outcome === null).length,
      owners: new Set(record.map(ownerKey)).size,
    },
  }
}

const outOfOrder = (handlings: readonly Handling[]): Handling[] => {
  const faults: Handling[] = []
  let highestStarted = -1
  const started = new Set<number>()
  // Of the owner that is at the partition now.
  let owner = ''
  let ownHighest = -1
  const ownFinished = new Set<number>()
  for (const handling of handlings) {
    const { offset } = handling
    if (ownerKey(handling) !== owner) {
      owner = ownerKey(handling)
      ownHighest = -1
      ownFinished.clear()
    }
    const passedOver = !started.has(offset) && offset < highestStarted
    const wentBack = offset < ownHighest || ownFinished.has(offset)
    if (passedOver || wentBack) faults.push(handling)
    started.add(offset)
    highestStarted = Math.max(highestStarted, offset)
    ownHighest = Math.max(ownHighest, offset)
    if (handling.outcome === 'finished') ownFinished.add(offset)
  }
  return faults
}

const overlaps = (handlings: readonly Handling[], lastSeenMs: ReadonlyMap<string, number>): [Handling, Handling][] => {
  const pairs: [Handling, Handling][] = []
  let running: Handling[] = []
  const endOf = (handling: Handling): number => handling.endMs ?? lastSeenMs.get(ownerKey(handling)) ?? handling.startMs
  for (const handling of handlings) {
    running = running.filter((other) => endOf(other) > handling.startMs)
    for (const other of running) if (ownerKey(other) !== ownerKey(handling)) pairs.push([other, handling])
    running.push(handling)
  }
  return pairs
}

/** When each owner recorded something for the last time. */
const lastSignOfLife = (record: readonly Handling[]): ReadonlyMap<string, number> => {
  const lastMs = new Map<string, number>()
  for (const handling of record) {
    const before = lastMs.get(ownerKey(handling)) ?? Number.NEGATIVE_INFINITY
    lastMs.set(ownerKey(handling), Math.max(before, handling.startMs, handling.endMs ?? handling.startMs))
  }
  return lastMs
}

const messagesOf = ({ topic, partition, from, to }: Range): MessageId[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ topic, partition, offset: from + i }))

const finding = ({ topic, partition, offset }: MessageId, handlings: readonly Handling[]): Finding => ({
  topic,
  partition,
  offset,
  handlings,
})

/** The findings with those handlings only that `test` accepts; without findings that have none left. */
const only = (findings: readonly Finding[], test: (handling: Handling) => boolean): Finding[] =>
  findings
    .map((message) => finding(message, message.handlings.filter(test)))
    .filter(({ handlings }) => handlings.length > 0)

const moreThanOne = (findings: readonly Finding[]): Finding[] =>
  findings.filter(({ handlings }) => handlings.length > 1)

const partitionKey = ({ topic, partition }: AnyMessage): string => `${topic}/${partition}`

const messageKey = (message: AnyMessage): string => `${partitionKey(message)}/${message.offset}`

const crashKey = (handling: AnyMessage & { readonly slot: number; readonly incarnation: number }): string =>
  `${messageKey(handling)}/${handling.slot}/${handling.incarnation}`

const ownerKey = ({ pid, threadId, slot, incarnation }: Handling): string => `${pid}/${threadId}/${slot}/${incarnation}`

const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
