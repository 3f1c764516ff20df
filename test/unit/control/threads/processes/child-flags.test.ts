import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { childFlags } from '#src/control/threads/processes/child-flags.js'

test.each([
  [
    'loaders, preloaded modules and flags of V8 are a child’s, too',
    ['--import', './tsx.mjs', '-r', './apm.cjs', '--stack-size=900'],
    ['--import', './tsx.mjs', '-r', './apm.cjs', '--stack-size=900', '--inspect-port=0'],
  ],
  [
    'a program on the command line is not',
    ['--input-type=module', '-e', 'start()', '--no-warnings'],
    ['--no-warnings', '--inspect-port=0'],
  ],
  [
    'neither when its flags have their values apart',
    ['--input-type', 'module', '--eval=start()', '-p', 'x'],
    ['--inspect-port=0'],
  ],
  ['the inspector of each child takes a free port', ['--inspect=9229'], ['--inspect=0']],
  ['on the same interface', ['--inspect=0.0.0.0:9230', '--inspect-port=9999'], ['--inspect=0.0.0.0:0']],
  ['also on one of IPv6', ['--inspect=[::1]:9230'], ['--inspect=[::1]:0']],
  ['and waits for nobody', ['--inspect-brk', '--inspect-port', '9999'], ['--inspect=0']],
])('%s', (_, own, child) => {
  expect(childFlags(own)).toEqual(child)
})

test('neither does it wait when NODE_OPTIONS says so', () => {
  expect(childFlags([], '--inspect-brk=0.0.0.0:9229 --no-warnings')).toEqual(['--no-inspect-brk', '--inspect-port=0'])
  const node = spawnSync(process.execPath, [...childFlags([], '--inspect-brk'), '--print', '1 + 1'], {
    env: { ...process.env, NODE_OPTIONS: '--inspect-brk' },
    timeout: 10_000,
    encoding: 'utf8',
  })
  expect(node.stdout).toBe('2\n')
  expect(node.stderr).not.toContain(':9229/')
})
