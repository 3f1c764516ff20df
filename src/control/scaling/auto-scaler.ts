import type { Logger } from 'pino'
import { availableCores } from '../../config/available-cores.js'
import type { ResolvedConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { monotonicMs } from '../../util/clock.js'
import { every } from '../../util/timers.js'
import { decide, failed, initialState, type ScalingLimits, type ScalingState, windowMs } from './decide.js'
import { Observer } from './observer.js'
import type { Scaler } from './scaler.js'
import type { SlotSet } from './slot-set.js'

export interface AutoScalerOptions {
  readonly config: ResolvedConfig
  readonly slots: SlotSet
  readonly scaler: Pick<Scaler, 'scale' | 'isBusy'>
  readonly log: Logger
}

/** So often within the time over which rates are measured. */
const LOOKS = 10

/** Has slots added and removed for the subscriptions whose number of them may change: see `decide`. */
export class AutoScaler {
  readonly #options: AutoScalerOptions
  readonly #observer: Observer
  readonly #states = new Map<number, ScalingState>()
  readonly #timer: NodeJS.Timeout | null

  constructor(options: AutoScalerOptions) {
    this.#options = options
    const { config, slots } = options
    this.#observer = new Observer({ slots, cores: availableCores(), isolation: config.pool.isolation })
    config.workers.forEach(({ min, max }, subscription) => {
      if (min < max) this.#states.set(subscription, initialState(config.pool.scaling, monotonicMs()))
    })
    const look = () => this.#look(monotonicMs())
    this.#timer = this.#states.size === 0 ? null : every(look, windowMs(config.pool.scaling) / LOOKS).unref()
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#states.clear()
  }

  #look(nowMs: number): void {
    const { config, scaler } = this.#options
    this.#observer.look(nowMs)
    for (const [subscription, before] of this.#states) {
      const { min = 1, max = 1 } = config.workers[subscription] ?? {}
      const limits: ScalingLimits = { min, max, ...config.pool.scaling }
      const seen = this.#observer.of(subscription)
      const observation = { ...seen, isSettled: seen.isSettled && !scaler.isBusy }
      const { state, decision } = decide(before, observation, limits)
      this.#states.set(subscription, state)
      if (decision !== null) void this.#scale(subscription, decision.to, decision.reason)
    }
  }

  async #scale(subscription: number, to: number, reason: 'lag' | 'idle'): Promise<void> {
    const { scaler, log } = this.#options
    try {
      await scaler.scale(to, subscription, reason)
      const state = this.#states.get(subscription)
      if (state !== undefined) this.#states.set(subscription, { ...state, failures: 0 })
    } catch (err) {
      const state = this.#states.get(subscription)
      if (state === undefined || (err instanceof PoolError && err.code === ErrorCode.poolStopped)) return
      const nowMs = monotonicMs()
      const next = failed(state, nowMs)
      this.#states.set(subscription, next)
      const retryInMs = next.notBeforeMs - nowMs
      log.error({ err, subscription, to, retryInMs }, 'the pool could not be scaled; those slots that run go on')
    }
  }
}
