import { loggerFault } from '../telemetry/logger-fault.js'
import { availableCores } from './available-cores.js'
import { availableMemory } from './available-memory.js'
import { deepFreeze } from './deep-freeze.js'
import { type LayeredSlot, resolveGroups } from './groups.js'
import { Issues, shown } from './issues.js'
import { defaultLayer, type Layer, mergeLayers } from './layers/layer.js'
import { checkNames, type Fields, layerNames, readLayer } from './layers/option-layer.js'
import { isPlainObject } from './layers/read-layer.js'
import {
  PLACEHOLDER,
  readSubscriptions,
  readWorkers,
  type Subscription,
  subscriptionNames,
} from './layers/read-subscriptions.js'
import { resolvePool } from './resolve-pool.js'
import { resolveSlot } from './resolve-slot.js'
import type { PoolSettings, ResolvedConfig, SlotConfig, WorkersConfig } from './resolved.js'
import { checkAssign } from './rules/assign.js'
import { refuseLoops } from './rules/dead-letter.js'
import { heapLimitMb, ownHeapFlags } from './rules/heap-flags.js'
import { fitHeap } from './rules/heap-share.js'
import { namesAt } from './schema/leaves.js'

/** What the machine offers; tests say it themselves. */
export interface MachineDefaults {
  /** Slots that the subscriptions share which do not say how many. @default what the container allows, else the cores */
  readonly parallelism?: number
  /** Memory that the threads may share, in bytes. @default what the container allows, else what the machine has */
  readonly memoryBytes?: number
  /** Flags of Node that override `resourceLimits`. @default those that this process was started with */
  readonly heapFlags?: readonly string[]
}

const poolNames: readonly string[] = [...subscriptionNames, 'subscriptions', 'perSlot', 'logger', ...namesAt('pool')]

const checkPoolOptions = (options: Fields, issues: Issues): void => {
  checkNames(options, poolNames, '', issues)
  const { perSlot, logger } = options
  if (perSlot !== undefined && typeof perSlot !== 'function') {
    issues.add('perSlot', `expected a function of the slot's number, got ${shown(perSlot)}`)
  }
  const fault = loggerFault(logger)
  if (fault !== null) issues.add(fault.at, fault.message)
}

const readOverrides = (perSlot: unknown, slot: number, issues: Issues): Layer => {
  if (typeof perSlot !== 'function') return new Map()
  const path = `perSlot(${slot})`
  let overrides: unknown
  try {
    overrides = perSlot(slot)
  } catch (error) {
    issues.add(path, `threw ${shown(error instanceof Error ? error.message : error)}`)
  }
  if (overrides === undefined) return new Map()
  if (!isPlainObject(overrides)) {
    const got = overrides instanceof Promise ? 'a promise: it is not waited for' : shown(overrides)
    issues.add(path, `expected an object of overrides, or undefined, got ${got}`)
    return new Map()
  }
  checkNames(overrides, layerNames, path, issues)
  return readLayer(overrides, path, 'slot', issues)
}

/** What limits the heap of each thread in fact. */
const heapOf = ({ resourceLimits: { maxOldGenerationSizeMb = 0 } }: PoolSettings, flags: readonly string[]) => {
  const mb = heapLimitMb(maxOldGenerationSizeMb, flags) ?? maxOldGenerationSizeMb
  const isOverridden = mb !== maxOldGenerationSizeMb
  return { mb, setBy: isOverridden ? '--max-old-space-size' : 'resourceLimits.maxOldGenerationSizeMb' }
}

/** How many slots each subscription has: its own number, that of the pool, or its share of the cores. */
const workersOf = (
  subscriptions: readonly Subscription[],
  workers: WorkersConfig | undefined,
  parallelism: number,
): readonly WorkersConfig[] => {
  const sharing = subscriptions.filter(({ workers: own }) => own === undefined)
  const share = (place: number) => Math.floor((parallelism + sharing.length - 1 - place) / sharing.length)
  return subscriptions.map((subscription) => {
    const own = Math.max(1, share(sharing.indexOf(subscription)))
    return subscription.workers ?? workers ?? { min: own, max: own }
  })
}

/** What was made of options, and can be made of them later, whatever becomes of the objects that they stood in. */
export interface Configuration {
  readonly config: ResolvedConfig
  /**
   * What slots run with that the configuration did not foresee: as more of their subscription, with `perSlot` asked for each
   * number. All at once, since each is held against all others. Slots that are known already stay as they are; where one cannot
   * be, none of them is known.
   *
   * @param slots the lowest numbers that no slot has, in their order
   * @throws ConfigError with every fault at once
   */
  more(slots: readonly number[], subscription: number): readonly SlotConfig[]
}

/**
 * Lays the layers of the options over each other, `defaults < shared < subscription < per slot`, and checks them. The
 * result is complete, frozen, plain data; the options are not touched.
 *
 * @param options `ConsumerPoolOptions`, as far as one knows
 * @throws ConfigError with every fault at once, each with its path and remedy
 */
export const resolveConfig = (options: unknown, machine: MachineDefaults = {}): ResolvedConfig =>
  configure(options, machine).config

/** As {@link resolveConfig}, for whoever may need more slots later. */
export const configure = (options: unknown, machine: MachineDefaults = {}): Configuration => {
  const { parallelism = availableCores(), memoryBytes = availableMemory(), heapFlags = ownHeapFlags() } = machine
  const issues = new Issues()
  if (!isPlainObject(options)) {
    issues.add('', `expected an object of options, got ${shown(options)}`)
    throw issues.toError()
  }
  checkPoolOptions(options, issues)
  const shared = mergeLayers(defaultLayer, readLayer(options, '', 'shared', issues))
  const { perSlot } = options
  const subscriptions = readSubscriptions(options, issues)
  const workers = workersOf(subscriptions, readWorkers(options.workers, 'workers', issues), parallelism)
  const slots: LayeredSlot[] = []
  const layered = (slot: number, subscription: number, faults: Issues): LayeredSlot => {
    const { layer, workers: _, ...what } = subscriptions[subscription] ?? PLACEHOLDER
    const merged = mergeLayers(shared, layer, readOverrides(perSlot, slot, faults))
    return { layer: merged, config: resolveSlot(merged, { ...what, slot, subscription }, faults) }
  }
  workers.forEach(({ max }, subscription) => {
    for (let left = max; left > 0; left--) slots.push(layered(slots.length, subscription, issues))
  })
  checkAssign(slots, workers, shared, (place) => subscriptions[place]?.workers !== undefined, issues)
  const pool = resolvePool(shared, slots.length, memoryBytes, issues)
  const together = (all: readonly LayeredSlot[], faults: Issues): readonly SlotConfig[] => {
    refuseLoops(all, faults)
    const resolved = resolveGroups(fitHeap(all, heapOf(pool, heapFlags), faults), faults)
    if (faults.any) throw faults.toError()
    return resolved
  }
  const config = deepFreeze({ pool, workers, slots: together(slots, issues) })
  const more = (numbers: readonly number[], subscription: number): readonly SlotConfig[] => {
    const faults = new Issues()
    const added = numbers.map((slot) => layered(slot, subscription, faults))
    const isNew = new Set(numbers)
    const resolved = together([...slots, ...added], faults).filter(({ slot }) => isNew.has(slot))
    slots.push(...added)
    return resolved.map((slot) => deepFreeze(slot))
  }
  return { config, more }
}
