import type { Issues } from './issues.js'
import type { Layer } from './layers/layer.js'
import { parseSection } from './resolve-slot.js'
import type { PoolSettings, RestartConfig } from './resolved.js'
import { resolveAdmin } from './rules/admin.js'
import { crashesWithin, defaultPoolLimit } from './rules/restart-limits.js'
import { checkPoolRules } from './rules/rules.js'
import { poolFields } from './schema/pool-fields.js'

const LIMIT = 'pool.restart.maxPoolRestarts'
const WINDOW = 'pool.restart.windowMs'

/**
 * The heap of each thread when nobody has said it: three quarters of the memory, shared by the slots. No handler needs more
 * than the most; below the least a thread is nearly always at its limit, and all are seldom there at once.
 */
const defaultHeapMb = (memoryBytes: number, slots: number): number =>
  Math.min(Math.max(Math.floor((0.75 * memoryBytes) / 2 ** 20 / Math.max(slots, 1)), 128), 2_048)

/** A limit that somebody has set for the whole pool must be one that can be reached. */
const checkPoolLimit = (layer: Layer, restart: RestartConfig, slots: number, issues: Issues): void => {
  const { maxPoolRestarts, windowMs, maxRestarts } = restart
  const limit = layer.get(LIMIT)
  const window = layer.get(WINDOW)
  const most = crashesWithin(restart, slots) - 1
  if (maxPoolRestarts <= most || [LIMIT, WINDOW].some((leaf) => issues.isFaulty(leaf))) return
  const who = slots === 1 ? 'a slot that crashes again and again does' : `${slots} slots that crash again and again do`
  const because = `${who} so ${most + 1} times within`
  if (limit !== undefined) {
    const never = 'which is as near to never as can be (a pool of which nothing works gives up in any case)'
    const lower = most < maxRestarts ? 'Raise' : `Lower it to ${most}, ${never}, or raise`
    issues.add(
      limit.from,
      `restart.maxPoolRestarts (${maxPoolRestarts}) is never exceeded: ${because} restart.windowMs (${windowMs} ms), with these delays. ${lower} restart.windowMs`,
    )
  } else if (window !== undefined && window.rank !== 'default') {
    issues.add(
      window.from,
      `restart.windowMs (${windowMs} ms) is too short for restart.maxRestarts (${maxRestarts}): ${because} it, with these delays, so that the pool would never give up. Raise it, or lower restart.maxRestarts`,
    )
  }
}

/** What the pool as a whole runs with. */
export const resolvePool = (layer: Layer, slots: number, memoryBytes: number, issues: Issues): PoolSettings => {
  checkPoolRules(layer, issues)
  const { restart: said, resourceLimits, maxRssMb, admin, ...settings } = parseSection(poolFields, layer, 'pool')
  const restart = { ...said, maxPoolRestarts: said.maxPoolRestarts ?? defaultPoolLimit(said, slots) }
  if (slots > 0) checkPoolLimit(layer, restart, slots, issues)
  return {
    ...settings,
    restart,
    admin: resolveAdmin(layer, admin, issues),
    maxRssMb: maxRssMb ?? Math.floor((0.9 * memoryBytes) / 2 ** 20),
    resourceLimits: {
      maxOldGenerationSizeMb: defaultHeapMb(memoryBytes, slots),
      ...(resourceLimits as PoolSettings['resourceLimits']),
    },
  }
}
