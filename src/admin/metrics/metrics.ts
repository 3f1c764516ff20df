import { Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import type { PoolMeasures } from '../../control/measures.js'
import type { PoolStatus } from '../../control/status.js'
import { COUNTED } from './counted.js'
import { MEASURED, type MeasuredMetric } from './measured.js'
import { readHistogram } from './read-histogram.js'
import { type Labels, READINGS, type Reading } from './readings.js'

/** What the name of every metric begins with. */
export const PREFIX = 'kafka_consumer_pool_'

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * The pool as metrics for Prometheus. Threads pay nothing for them: what they have done is read from what the pool knows anyway,
 * when somebody asks, and events are counted here.
 */
export class Metrics {
  readonly #ofPool = new Registry()
  readonly #ofPartitions = new Registry()
  readonly #status: () => PoolStatus
  readonly #measures: () => PoolMeasures
  readonly #counters = new Map<string, ((payload: never) => void)[]>()

  constructor(status: () => PoolStatus, measures: () => PoolMeasures) {
    this.#status = status
    this.#measures = measures
    for (const reading of READINGS) this.#read(reading)
    for (const metric of MEASURED) this.#measure(metric)
    for (const { name, event, help, labels, labelsOf, seconds } of COUNTED) {
      const common = { name: PREFIX + name, help, labelNames: labels, registers: [this.#ofPool] }
      const listeners = this.#counters.get(event) ?? []
      this.#counters.set(event, listeners)
      if (seconds === undefined) {
        const counter = new Counter(common)
        listeners.push((payload) => counter.inc(labelsOf(payload)))
      } else {
        const histogram = new Histogram({ ...common, buckets: BUCKETS })
        listeners.push((payload) => histogram.observe(labelsOf(payload), seconds(payload)))
      }
    }
  }

  get contentType(): string {
    return this.#ofPool.contentType
  }

  /** Counts an event of the pool. */
  tell(event: string, payload: unknown): void {
    for (const count of this.#counters.get(event) ?? []) count(payload as never)
  }

  /** @param withPartitions whether there is a series for each partition, too */
  async text(withPartitions: boolean): Promise<string> {
    const ofPool = await this.#ofPool.metrics()
    return withPartitions ? `${ofPool}\n${await this.#ofPartitions.metrics()}` : ofPool
  }

  #read({ name, kind, help, labels, byPartition = false, read }: Reading): void {
    const registry = byPartition ? this.#ofPartitions : this.#ofPool
    this.#register({ name, help, labels }, kind, registry, () => read(this.#status()))
  }

  #measure(metric: MeasuredMetric): void {
    if (metric.kind !== 'histogram') {
      this.#register(metric, metric.kind, this.#ofPool, () => metric.read(this.#measures()))
      return
    }
    const { name, help, read } = metric
    const histogram = readHistogram(PREFIX + name, help, () => read(this.#measures()))
    this.#ofPool.registerMetric(histogram as unknown as Metric)
  }

  /** What is not there any more (a partition that went away) leaves no series behind. */
  #register(
    { name, help, labels }: Pick<Reading, 'name' | 'help' | 'labels'>,
    kind: Reading['kind'],
    registry: Registry,
    values: () => readonly (readonly [Labels, number])[],
  ): void {
    const common = { name: PREFIX + name, help, labelNames: labels, registers: [registry] }
    if (kind === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset()
          for (const [labelled, value] of values()) this.set(labelled, value)
        },
      })
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset()
          for (const [labelled, value] of values()) this.inc(labelled, value)
        },
      })
    }
  }
}
