import type { Logger } from 'pino'
import type { ResolvedConfig } from '../config/resolved.js'
import { monotonicMs } from '../util/clock.js'
import type { Groups } from './groups.js'
import { slotsAtStart } from './scaling/slots-at-start.js'
import type { Journals } from './slot-options.js'
import { StateDir } from './state-dir/state-dir.js'

/** The folder of a pool that has to outlive the process. */
export interface PoolStateDir {
  journalsOf(slot: number): Journals
  /** A slot that was not there at the start is in that group. */
  follow(slot: number, groupId: string): void
  /** Nothing that happens from now on is a death. */
  close(): void
}

/**
 * Opens `stateDir`. What a process before this one has died of is known to the groups from then on: call it before anything
 * is assigned. Null when there is none, or when it cannot be used, which is logged.
 */
export const openStateDir = (config: ResolvedConfig, groups: Pick<Groups, 'of'>, log: Logger): PoolStateDir | null => {
  const { slots, pool } = config
  if (pool.stateDir === undefined) return null
  const slotsOf = (groupId: string) => slots.filter(({ consumer }) => consumer.groupId === groupId)
  let dir: StateDir
  try {
    dir = new StateDir({
      path: pool.stateDir,
      groups: slots.map(({ consumer }) => consumer.groupId),
      convictAfter: (groupId) => Math.min(...slotsOf(groupId).map(({ convictAfter }) => convictAfter)),
    })
  } catch (err) {
    const what = `stateDir (${pool.stateDir}) cannot be used, so a message that kills the whole process is not found out`
    log.error({ err }, `${what}. Let this process create folders and files there`)
    return null
  }
  const { counts, isAfterDeath } = dir
  if (isAfterDeath) {
    const suspects = [...counts].flatMap(([groupId, inGroup]) =>
      [...inGroup.values()].map((each) => ({ groupId, each })),
    )
    for (const { groupId, each } of suspects) {
      for (const slot of slotsAtStart(config).filter(({ consumer }) => consumer.groupId === groupId)) {
        groups.of(slot).suspects.inherit(each, each)
      }
    }
    const told = suspects.map(({ each: { topic, partition, offset, deaths } }) => ({
      topic,
      partition,
      offset,
      deaths,
    }))
    log.warn(
      { suspects: told },
      'a process before this one died without a stop; what is handled is written down for a while',
    )
  }
  const carefulUntilMs = isAfterDeath ? monotonicMs() + pool.restart.healthyAfterMs : Number.NEGATIVE_INFINITY
  return {
    journalsOf: (slot) => ({
      of: (incarnation) => ({ file: dir.journalOf(slot, incarnation), carefulUntilMs }),
      over: (incarnation) => dir.forget(slot, incarnation),
    }),
    follow: (slot, groupId) => dir.follow(slot, groupId),
    close: () => dir.close(),
  }
}
