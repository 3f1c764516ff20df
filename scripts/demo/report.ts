import { count, megabytes, percent, seconds } from './format.js'
import type { Notes, Work } from './journal.js'
import type { Sample } from './sample.js'

/** All that was seen, by the threads themselves (notes), by the pool's events, and by the broker (offsets). */
export interface Outcome {
  readonly messages: number
  readonly slots: number
  readonly notes: Notes
  readonly sample: Sample
  readonly crashes: number
  /** How long each crash took to heal, in milliseconds. */
  readonly healedMs: readonly number[]
  readonly rebalances: number
  readonly offsets: { readonly end: number; readonly committed: number }
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

/**
 * How long one bare thread would have taken for everything: what the pool's threads took, corrected by how the two
 * compare on the documents of the sample, which both have compressed.
 */
const oneThreadMs = (done: ReadonlyMap<number, Work>, sample: Sample): number => {
  const pooled = sum(done, ([number, { ms }]) => (number < sample.documents ? ms : 0))
  return sum(done.values(), ({ ms }) => ms) * (sample.ms / pooled)
}

/** Judges what was seen. */
export const report = ({ messages, slots, notes, sample, crashes, healedMs, rebalances, offsets }: Outcome): Report => {
  const { begun, done, firstAt, lastAt } = notes
  const ms = lastAt - firstAt
  const [bytesIn, bytesOut] = [sum(done.values(), (work) => work.bytesIn), sum(done.values(), (work) => work.bytesOut)]
  const speedUp = oneThreadMs(done, sample) / ms
  const lost = messages - done.size
  const repeated = sum(begun.values(), (times) => times - 1)
  const healed =
    healedMs.length === 0 ? '' : `, healed after ${healedMs.map((each) => `${Math.round(each)} ms`).join(', ')}`
  const rows = [
    ['documents', `${count(done.size)}, ${count((done.size * 1_000) / ms)} messages/s for ${seconds(ms)}`],
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
    ['committed', `${count(offsets.committed)} of ${count(offsets.end)}`],
  ]
  const complete = lost === 0 && offsets.end === messages && offsets.committed === messages
  return {
    lines: rows.map(([name = '', value = '']) => `${name.padEnd(14)}${value}`),
    verdict: complete ? 'Nothing was lost.' : 'THIS IS A FAULT: not every document was handled and committed.',
    complete,
  }
}
