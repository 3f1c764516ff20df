/*
 * Where the control groups (cgroups) of a container say what it grants. `os` knows nothing of them, and Node's own
 * `process.constrainedMemory()` nothing of the parents of the group.
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

/** The folders in which files of the process's control groups may stand, by the version of the control groups. */
export interface ControlGroups {
  readonly v1: readonly string[]
  readonly v2: readonly string[]
}

/**
 * The process's control groups that a controller may be set for, with their parents.
 *
 * @param controller as version 1 calls it
 */
export const controlGroups = (read: ReadText, controller: string): ControlGroups => {
  const v1: string[] = []
  const v2: string[] = []
  for (const line of read('/proc/self/cgroup')?.split('\n') ?? []) {
    const [, hierarchy, controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    const paths = withParents(path)
    if (hierarchy === '0' && controllers === '') {
      v2.push(...V2_ROOTS.flatMap((root) => paths.map((each) => `${root}${each}`)))
    } else if (controllers.split(',').includes(controller)) {
      // One folder for each set of controllers (`cpu,cpuacct`), with a link for each of them.
      const folders = new Set([controller, controllers])
      v1.push(...[...folders].flatMap((folder) => paths.map((each) => `${V1_ROOT}/${folder}${each}`)))
    }
  }
  return { v1, v2 }
}
