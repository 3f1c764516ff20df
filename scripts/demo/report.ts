import { checkHistory } from '../support/checker.js'
import type { Handling } from '../support/recorder.js'
import type { Range } from '../support/topics.js'
import type { PlannedMessage } from './plan.js'
import type { Sample } from './sample.js'

const grouped = new Intl.NumberFormat('en-US')

export const count = (value: number): string => grouped.format(Math.round(value))

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export const percent = (share: number): string => `${Math.round(share * 100)} %`

/**
 * All that was seen, by the handlers themselves (record), by the pool's events, and by the broker (produced, committed).
 * What the pool says of itself does not count for what is lost.
 */
export interface Outcome {
  readonly messages: readonly PlannedMessage[]
  readonly slots: number
  readonly record: readonly Handling[]
  readonly sample: Sample
  readonly crashes: number
  /** How long each crash took to heal, in milliseconds. */
  readonly healedMs: readonly number[]
  readonly rebalances: number
  readonly produced: readonly Range[]
  readonly committed: number
}

export interface Report {
  /** The table, line by line. */
  readonly lines: readonly string[]
  readonly verdict: string
  /** True when every message was handled and every offset committed. */
  readonly complete: boolean
}

const sum = <T>(items: Iterable<T>, value: (item: T) => number): number =>
  [...items].reduce((all, item) => all + value(item), 0)

/** A document that was compressed. */
interface Work {
  readonly message: PlannedMessage
  readonly ms: number
  readonly bytesOut: number
}

/** The last handling of each message that came to its end. */
const worksOf = (messages: readonly PlannedMessage[], record: readonly Handling[]): Work[] => {
  const key = ({ partition, offset }: { partition: number; offset: number }) => `${partition}/${offset}`
  const finished = new Map(record.filter(({ outcome }) => outcome === 'finished').map((each) => [key(each), each]))
  return messages.flatMap((message) => {
    const { startMs, endMs, result = 0 } = finished.get(key(message)) ?? { startMs: 0, endMs: null }
    return endMs === null ? [] : [{ message, ms: endMs - startMs, bytesOut: result }]
  })
}

/**
 * How long one bare thread would have taken for everything: what the pool's threads took, corrected by how the two
 * compare on the documents of the sample, which both have compressed.
 */
const oneThreadMs = (works: readonly Work[], sample: Sample): number => {
  const pooled = sum(works, ({ message, ms }) => (message.number < sample.documents ? ms : 0))
  return sum(works, ({ ms }) => ms) * (sample.ms / pooled)
}

/** Judges what was seen. */
export const report = (outcome: Outcome): Report => {
  const { messages, slots, record, sample, crashes, healedMs, rebalances, produced, committed } = outcome
  const works = worksOf(messages, record)
  // The record is in the order in which the handlings began.
  const lastMs = record.reduce((last, { startMs, endMs }) => Math.max(last, endMs ?? startMs), 0)
  const ms = lastMs - (record[0]?.startMs ?? lastMs)
  const [bytesIn, bytesOut] = [sum(works, ({ message }) => message.bytes), sum(works, (work) => work.bytesOut)]
  const speedUp = oneThreadMs(works, sample) / ms
  const { startedTwice } = checkHistory({ produced, record })
  const lost = messages.length - works.length
  const repeated = sum(startedTwice, ({ handlings }) => handlings.length - 1)
  const end = sum(produced, ({ from, to }) => to - from)
  const healed =
    healedMs.length === 0 ? '' : `, healed after ${healedMs.map((each) => `${Math.round(each)} ms`).join(', ')}`
  const rows = [
    ['documents', `${count(works.length)}, ${count((works.length * 1_000) / ms)} messages/s for ${seconds(ms)}`],
    [
      'bytes',
      `${megabytes(bytesIn)} in, ${megabytes(bytesOut)} out: ${megabytes(bytesIn - bytesOut)} saved (${percent(1 - bytesOut / bytesIn)})`,
    ],
    [
      'speed-up',
      `${speedUp.toFixed(2)} × one thread on ${slots} slots: ${percent(speedUp / slots)} of a bare thread for each core`,
    ],
    ['crashes', `${crashes}${healed}`],
    ['rebalances', String(rebalances)],
    ['lost', count(lost)],
    ['repeated', count(repeated)],
    ['committed', `${count(committed)} of ${count(end)}`],
  ]
  const complete = lost === 0 && end === messages.length && committed === messages.length
  return {
    lines: rows.map(([name = '', value = '']) => `${name.padEnd(14)}${value}`),
    verdict: complete ? 'Nothing was lost.' : 'THIS IS A FAULT: not every document was handled and committed.',
    complete,
  }
}
