import { controlGroups, type ReadText } from './control-groups.js'

/*
 * How much CPU the control groups (cgroups) of a container grant. `os.availableParallelism()` knows nothing of them in
 * Node 20.
 */

/** CPUs for a quota of time in each period; none for `max`, `-1`, or what is no number. */
const cpus = (quota = '', period = ''): number[] => {
  const granted = Number(quota) / Number(period)
  return quota !== '' && granted > 0 && Number.isFinite(granted) ? [granted] : []
}

/**
 * The CPUs that the process may use at once, as the tightest of its control groups, of version 1 and 2, says; a container
 * with `--cpus=1.5` has 1.5 of them.
 *
 * @returns null when nothing limits it
 */
export const cpuQuota = (read: ReadText): number | null => {
  const { v1, v2 } = controlGroups(read, 'cpu')
  const granted = [
    // `quota period` in one file.
    ...v2.flatMap((folder) => cpus(...(read(`${folder}/cpu.max`)?.trim().split(/\s+/) ?? []))),
    ...v1.flatMap((folder) =>
      cpus(read(`${folder}/cpu.cfs_quota_us`)?.trim(), read(`${folder}/cpu.cfs_period_us`)?.trim()),
    ),
  ]
  return granted.length === 0 ? null : Math.min(...granted)
}

/** How many threads can compute at once: whole CPUs, and at least one. */
export const coresFor = (cores: number, quota: number | null): number =>
  Math.max(1, Math.min(cores, Math.floor(quota ?? cores)))
