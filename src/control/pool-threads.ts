import type { Logger } from 'pino'
import type { ResolvedConfig } from '../config/resolved.js'
import { heapFlagsWarning, heapLimitMb, ownHeapFlags } from '../config/rules/heap-flags.js'
import { nativeThreadsHint } from '../config/rules/native-threads.js'
import { Threads, type ThreadsOptions } from './threads/threads.js'

const THREAD_ENTRY = new URL('../../workers/entry.cjs', import.meta.url)

/** Booted threads that wait for a slot to need them: the more slots, the sooner two need one at the same time. */
export const sparesFor = (slots: number): number => 1 + Math.floor(slots / 4)

/** Says what the process was started with that threads do not go well with. */
const adviseOn = ({ slots, pool: { isolation } }: ResolvedConfig, heapMb: number | null, log: Logger): void => {
  const flags = ownHeapFlags()
  if (flags.length > 0) log.warn(heapFlagsWarning(flags, heapMb, slots.length))
  const hint = nativeThreadsHint(slots, process.env.UV_THREADPOOL_SIZE, isolation)
  if (hint !== null) log.info(hint)
}

/** The threads for the slots of a pool, and their spares. */
export const threadsFor = (
  config: ResolvedConfig,
  { onLost, onSpare, log }: Pick<ThreadsOptions, 'onLost' | 'onSpare' | 'log'>,
): Threads => {
  const { slots, workers, pool: settings } = config
  const heapMb = heapLimitMb(settings.resourceLimits.maxOldGenerationSizeMb, ownHeapFlags())
  adviseOn(config, heapMb, log)
  const size = workers.reduce((sum, { min }) => sum + min, 0)
  return new Threads({
    size,
    spares: sparesFor(size),
    isolation: settings.isolation,
    resourceLimits: settings.resourceLimits,
    heapMb: heapMb ?? undefined,
    imports: settings.threadImports,
    handlers: [...new Set(slots.map(({ handler }) => handler))],
    entry: THREAD_ENTRY,
    loadTimeoutMs: settings.loadTimeoutMs,
    terminateTimeoutMs: settings.terminateTimeoutMs,
    onLost,
    onSpare,
    log,
  })
}
