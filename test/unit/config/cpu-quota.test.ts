import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coresFor, cpuQuota } from '#src/config/cpu-quota.js'

type Files = Readonly<Record<string, string>>

const quotaIn = (files: Files) => cpuQuota((path) => files[path] ?? null)
const SELF = '/proc/self/cgroup'
const V1_LINES = '9:name=systemd:/docker/c1\n4:memory:/docker/c1\n3:cpu,cpuacct:/docker/c1\n2:cpuset:/docker/c1\n'

describe('the CPU quota', () => {
  test.each<[string, Files, number | null]>([
    ['is none where there are no control groups', {}, null],
    ['is none where they cannot be read', { [SELF]: '0::/\n' }, null],
    ['is none where it is "max"', { [SELF]: '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, null],
    [
      'of version 2 is what the container sees as its root',
      { [SELF]: '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' },
      1.5,
    ],
    [
      'of version 2 is that of the own group',
      {
        [SELF]: '0::/system.slice/orders.service\n',
        '/sys/fs/cgroup/system.slice/orders.service/cpu.max': '200000 100000\n',
      },
      2,
    ],
    [
      'of version 2 is that of a parent where that is tighter',
      {
        [SELF]: '0::/kubepods/pod7/c1\n',
        '/sys/fs/cgroup/kubepods/pod7/c1/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/kubepods/pod7/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/kubepods/cpu.max': 'max 100000\n',
      },
      0.5,
    ],
    [
      'of version 2 is found although the path is one of the host',
      { [SELF]: '0::/../../docker/c1\n', '/sys/fs/cgroup/cpu.max': '300000 100000\n' },
      3,
    ],
    [
      'of version 1 is none where it is -1',
      {
        [SELF]: V1_LINES,
        '/sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_period_us': '100000\n',
      },
      null,
    ],
    [
      'of version 1 is that of the own group',
      {
        [SELF]: V1_LINES,
        '/sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_quota_us': '250000\n',
        '/sys/fs/cgroup/cpu,cpuacct/docker/c1/cpu.cfs_period_us': '100000\n',
      },
      2.5,
    ],
    [
      'of version 1 is what the container sees as its root, whatever the path says',
      {
        [SELF]: V1_LINES,
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '50000\n',
      },
      2,
    ],
    [
      'of version 1 is that of a parent where that is tighter',
      {
        [SELF]: '1:cpu:/a/b\n0::/\n',
        '/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '70000\n',
        '/sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000\n',
      },
      0.7,
    ],
    [
      'is the tighter one of both versions where both are mounted',
      {
        [SELF]: '1:cpu:/\n0::/x\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/unified/x/cpu.max': '200000 100000\n',
      },
      2,
    ],
    [
      'is not that of other controllers',
      { [SELF]: '4:cpuset:/\n5:cpuacct:/\n', '/sys/fs/cgroup/cpu.max': '1 2' },
      null,
    ],
  ])('%s', (_, files, expected) => {
    expect(quotaIn(files)).toBe(expected)
  })

  test('whatever the files say, is none or a number above 0', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('', 'max', '-1', '0', '0 0', '1 0', 'max 0', '1e400 1', 'NaN NaN'),
    )
    fc.assert(
      fc.property(text, text, text, (own, quota, period) => {
        const read = (path: string) =>
          path === SELF ? `${own}\n1:cpu:/\n0::/a\n` : path.endsWith('period_us') ? period : quota
        const found = cpuQuota(read) ?? 1
        expect(found).toBeGreaterThan(0)
        expect(found).toBeLessThan(Number.POSITIVE_INFINITY)
      }),
    )
  })
})

test.each([
  [8, null, 8],
  [8, 2, 2],
  [8, 2.9, 2],
  [8, 0.5, 1],
  [2, 16, 2],
])('of %i cores and a quota of %s CPUs, threads can use %i', (cores, quota, expected) => {
  expect(coresFor(cores, quota)).toBe(expected)
})
