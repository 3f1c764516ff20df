/** Flags of V8 that set a heap's size in every thread of the process, whatever `resourceLimits` say (Node 20 to 24). */
const HEAP_FLAGS = ['max-old-space-size', 'max-old-space-size-percentage', 'max-semi-space-size', 'max-heap-size']

/** To V8 `--max_old_space_size` is the same. */
const nameOf = (flag: string): string => flag.split('=', 1).join().replace(/^--/, '').replaceAll('_', '-')

/**
 * The flags that override `resourceLimits` in every thread, as they were given.
 *
 * @param execArgv `process.execArgv`
 * @param nodeOptions the environment variable `NODE_OPTIONS`
 */
export const heapFlags = (execArgv: readonly string[], nodeOptions = ''): string[] =>
  [...nodeOptions.replaceAll('"', '').split(/\s+/), ...execArgv].filter((flag) => HEAP_FLAGS.includes(nameOf(flag)))

/** Those of {@link HEAP_FLAGS} that this process was started with. */
export const ownHeapFlags = (): string[] => heapFlags(process.execArgv, process.env.NODE_OPTIONS)

/**
 * What limits the heap of each thread in fact, in MB; null when that is one of the flags of which only V8 knows what it
 * makes of them.
 *
 * @param optionMb resourceLimits.maxOldGenerationSizeMb
 */
export const heapLimitMb = (optionMb: number | undefined, flags: readonly string[]): number | null => {
  const deciding = flags.filter((flag) => nameOf(flag) !== 'max-semi-space-size')
  const last = deciding.at(-1)
  if (last === undefined) return optionMb ?? null
  const mb = Number(last.slice(last.indexOf('=') + 1))
  return deciding.every((flag) => nameOf(flag) === 'max-old-space-size') && mb > 0 ? mb : null
}

/** What to say of such flags. */
export const heapFlagsWarning = (flags: readonly string[], heapMb: number | null, slots: number): string => {
  const each = heapMb === null ? 'so much memory' : `${heapMb} MB`
  const all = heapMb === null ? '' : `, all ${slots} together ${heapMb * slots} MB`
  return `${flags.join(' ')} (command line or NODE_OPTIONS) overrides resourceLimits in every thread, so each thread may take ${each}${all}, and none is recycled or ended before. Remove it and set resourceLimits.maxOldGenerationSizeMb or maxYoungGenerationSizeMb instead: the main thread handles no messages and needs little`
}
