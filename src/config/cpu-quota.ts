/*
 * How much CPU the control groups (cgroups) of a container grant. `os.availableParallelism()` knows nothing of them in
 * Node 20.
 */

/** The text of a file, or null when there is none that can be read. */
export type ReadText = (path: string) => string | null

const V2_ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
const V1_ROOT = '/sys/fs/cgroup'

/** `/a/b` → `''`, `/a`, `/a/b`. Inside a container the path may be that of the host, and only the first is there. */
const withParents = (path: string): string[] => {
  const names = path.split('/').filter((name) => name !== '')
  return ['', ...names.map((_, last) => `/${names.slice(0, last + 1).join('/')}`)]
}

/** CPUs for a quota of time in each period; none for `max`, `-1`, or what is no number. */
const cpus = (quota = '', period = ''): number[] => {
  const granted = Number(quota) / Number(period)
  return quota !== '' && granted > 0 && Number.isFinite(granted) ? [granted] : []
}

/** `quota period` in one file. */
const ofV2 = (read: ReadText, path: string): number[] =>
  V2_ROOTS.flatMap((root) => withParents(path).map((each) => `${root}${each}/cpu.max`)).flatMap((file) =>
    cpus(...(read(file)?.trim().split(/\s+/) ?? [])),
  )

/** One folder for each set of controllers (`cpu,cpuacct`), with a link for each of them. */
const ofV1 = (read: ReadText, controllers: string, path: string): number[] =>
  ['cpu', controllers]
    .flatMap((folder) => withParents(path).map((each) => `${V1_ROOT}/${folder}${each}/cpu.cfs`))
    .flatMap((prefix) => cpus(read(`${prefix}_quota_us`)?.trim(), read(`${prefix}_period_us`)?.trim()))

/**
 * The CPUs that the process may use at once, as the tightest of its control groups, of version 1 and 2, says; a container
 * with `--cpus=1.5` has 1.5 of them.
 *
 * @returns null when nothing limits it
 */
export const cpuQuota = (read: ReadText): number | null => {
  const lines = read('/proc/self/cgroup')?.split('\n') ?? []
  const granted = lines.flatMap((line) => {
    const [, hierarchy, controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (hierarchy === '0' && controllers === '') return ofV2(read, path)
    return controllers.split(',').includes('cpu') ? ofV1(read, controllers, path) : []
  })
  return granted.length === 0 ? null : Math.min(...granted)
}

/** How many threads can compute at once: whole CPUs, and at least one. */
export const coresFor = (cores: number, quota: number | null): number =>
  Math.max(1, Math.min(cores, Math.floor(quota ?? cores)))
