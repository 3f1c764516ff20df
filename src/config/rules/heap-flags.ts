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

/** What to say of such flags. */
export const heapFlagsWarning = (flags: readonly string[]): string =>
  `${flags.join(' ')} (command line or NODE_OPTIONS) overrides resourceLimits in every thread, so each thread may take so much memory and none is ended before. Remove it and set resourceLimits.maxOldGenerationSizeMb or maxYoungGenerationSizeMb instead: the main thread handles no messages and needs little`
