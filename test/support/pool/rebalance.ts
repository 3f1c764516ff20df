import { type Handling, machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import type { TestPool } from './pool.js'
import type { TestRecord } from './record.js'

/** The partitions of each slot. */
export const held = ({ pool }: TestPool): number[][] =>
  pool.status().slots.map(({ assignment }) => assignment.map(({ partition }) => partition))

const isBusy = ({ endMs, startMs }: Handling): boolean => endMs === null && machineMs() - startMs > 100

/** Waits until a handler takes its time. */
export const untilBusy = (record: TestRecord): Promise<unknown> =>
  until(() => record.read().some(isBusy), { what: 'a handler to be busy' })

/** The longest time in which a partition had no message begun. */
export const longestGap = (record: TestRecord, partition: number, fromMs: number, toMs: number): number => {
  const starts = record
    .read()
    .flatMap((each) =>
      each.partition === partition && each.startMs >= fromMs && each.startMs <= toMs ? [each.startMs] : [],
    )
  const times = [fromMs, ...starts, toMs]
  return Math.max(...times.slice(1).map((ms, index) => ms - (times[index] ?? ms)))
}
