import type { DurationCounts } from '../../protocol/durations.js'
import type { Labels } from './readings.js'

interface Value {
  readonly metricName: string
  readonly labels: Labels
  readonly value: number
}

const series = (name: string, labels: Labels, { boundsMs, counts, sumMs }: DurationCounts): Value[] => {
  let total = 0
  const buckets = counts.map((count, bucket) => {
    total += count
    const boundMs = boundsMs[bucket]
    const le = boundMs === undefined ? '+Inf' : boundMs / 1_000
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumMs / 1_000 },
    { metricName: `${name}_count`, labels, value: total },
  ]
}

/** A histogram that others count, as the registry of prom-client, which has none, asks its metrics. */
export const readHistogram = (
  name: string,
  help: string,
  read: () => readonly (readonly [Labels, DurationCounts])[],
) => ({
  name,
  get: async () => ({
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    values: read().flatMap(([labels, counts]) => series(name, labels, counts)),
  }),
})
