import type { RestartConfig } from '../config/resolved.js'
import type { TopicPartitionOffset } from '../kafka/face.js'
import type { InFlightMessage } from './events.js'
import { type Crash, decideRestart, isFruitful, type RestartDecision, rememberCrash } from './restarts.js'

/** How many of the messages that were in flight at a death are remembered, to know a repeated killer. */
const VICTIMS_KEPT = 100

/** The crash history of one slot, and what its restart policy makes of it. */
export class CrashBook {
  readonly #config: RestartConfig
  #crashes: readonly Crash[] = []
  #victims: TopicPartitionOffset[] = []
  #readySinceMs: number | null = null
  #probing = false

  constructor(config: RestartConfig) {
    this.#config = config
  }

  /** A thread got ready. */
  ready(nowMs: number): void {
    this.#readySinceMs = nowMs
  }

  /** The next thread is the probe of a parked slot: if it fails too, the slot is parked again. */
  probing(): void {
    this.#probing = true
  }

  /** Enters a death and decides what follows from it. */
  crashed(death: {
    readonly atMs: number
    readonly finishedSinceStart: number
    readonly inFlight: readonly InFlightMessage[]
  }): { readonly crash: Crash; readonly decision: RestartDecision } {
    const { atMs, finishedSinceStart } = death
    const inFlight = death.inFlight.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: BigInt(offset),
    }))
    const fruitful = isFruitful({ finishedSinceStart, inFlight, earlierVictims: this.#victims })
    const crash = { atMs, fruitful, healthyMs: this.#readySinceMs === null ? 0 : atMs - this.#readySinceMs }
    this.#victims = [...this.#victims, ...inFlight].slice(-VICTIMS_KEPT)
    this.#readySinceMs = null
    this.#crashes = rememberCrash(this.#crashes, crash, this.#config)
    const decision = decideRestart({
      crashes: this.#crashes,
      wasProbe: this.#probing,
      config: this.#config,
      random: Math.random(),
    })
    if (decision.action === 'restart') this.#probing = false
    return { crash, decision }
  }
}
