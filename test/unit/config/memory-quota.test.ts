import { describe, expect, test } from 'vitest'
import { memoryQuota } from '#src/config/memory-quota.js'

type Files = Readonly<Record<string, string>>

const GB = 2 ** 30
const quotaIn = (files: Files) => memoryQuota((path) => files[path] ?? null, 16 * GB)
const SELF = '/proc/self/cgroup'
const V1_LINES = '9:name=systemd:/docker/c1\n4:memory:/docker/c1\n3:cpu,cpuacct:/docker/c1\n'

describe('the memory quota', () => {
  test.each<[string, Files, number | null]>([
    ['is none where there are no control groups', {}, null],
    ['is none where they cannot be read', { [SELF]: '0::/\n' }, null],
    ['is none where it is "max"', { [SELF]: '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }, null],
    ['is none where its file is empty', { [SELF]: '0::/\n', '/sys/fs/cgroup/memory.max': '\n' }, null],
    [
      'is none where it is more than the machine has',
      { [SELF]: V1_LINES, '/sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes': '9223372036854771712\n' },
      null,
    ],
    [
      'of version 2 is what the container sees as its root',
      { [SELF]: '0::/\n', '/sys/fs/cgroup/memory.max': `${GB}\n` },
      GB,
    ],
    [
      'of version 2 is that of a parent where that is tighter',
      {
        [SELF]: '0::/kubepods/pod7/c1\n',
        '/sys/fs/cgroup/kubepods/pod7/c1/memory.max': 'max\n',
        '/sys/fs/cgroup/kubepods/pod7/memory.max': `${2 * GB}\n`,
        '/sys/fs/cgroup/kubepods/memory.max': `${8 * GB}\n`,
      },
      2 * GB,
    ],
    [
      'of version 2 is what slows the process down where that is tighter',
      { [SELF]: '0::/a\n', '/sys/fs/cgroup/a/memory.max': `${4 * GB}`, '/sys/fs/cgroup/a/memory.high': `${3 * GB}` },
      3 * GB,
    ],
    [
      'of version 1 is that of the own group, and not of another controller',
      {
        [SELF]: V1_LINES,
        '/sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes': `${2 * GB}\n`,
        '/sys/fs/cgroup/cpu,cpuacct/docker/c1/memory.limit_in_bytes': '1\n',
      },
      2 * GB,
    ],
    [
      'of version 1 is found although the path is one of the host',
      { [SELF]: V1_LINES, '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${GB}\n` },
      GB,
    ],
  ])('%s', (_sentence, files, expected) => {
    expect(quotaIn(files)).toBe(expected)
  })
})
