import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { heapFlags, heapFlagsWarning, heapLimitMb } from '#src/config/rules/heap-flags.js'

describe('flags of Node that override resourceLimits', () => {
  test.each<[string, string[], string | undefined, string[]]>([
    ['are found on the command line', ['--max-old-space-size=700'], undefined, ['--max-old-space-size=700']],
    ['are found in NODE_OPTIONS', [], '--max-old-space-size=700', ['--max-old-space-size=700']],
    ['are found with underscores', ['--max_old_space_size=700'], '', ['--max_old_space_size=700']],
    [
      'are found among others, quoted or not',
      ['--enable-source-maps', '--max-heap-size=900'],
      '  --import "./my file.mjs" "--max-semi-space-size=64"',
      ['--max-semi-space-size=64', '--max-heap-size=900'],
    ],
    ['are not seen where there are none', ['--stack-size=900', '--min-semi-space-size=3'], '--trace-warnings', []],
  ])('%s', (_, execArgv, nodeOptions, found) => {
    expect(heapFlags(execArgv, nodeOptions)).toEqual(found)
  })

  test('are named in the warning, with the option to set instead', () => {
    const warning = heapFlagsWarning(['--max-old-space-size=700'], 700, 4)
    expect(warning).toContain('--max-old-space-size=700')
    expect(warning).toContain('each thread may take 700 MB, all 4 together 2800 MB')
    expect(warning).toContain('resourceLimits.maxOldGenerationSizeMb')
    expect(heapFlagsWarning(['--max-heap-size=900'], null, 4)).toContain('each thread may take so much memory, and')
  })
})

const PROBE = `
const { Worker } = require('node:worker_threads')
const code = "require('node:worker_threads').parentPort.postMessage(require('node:v8').getHeapStatistics().heap_size_limit)"
const resourceLimits = { maxOldGenerationSizeMb: 100, maxYoungGenerationSizeMb: 10 }
new Worker(code, { eval: true, resourceLimits }).on('message', (bytes) => console.log(Math.round(bytes / 2 ** 20)))`

/** The heap limit of a thread with a limit of 110 MB, in MB. */
const limitWith = async (...flags: string[]): Promise<number> =>
  Number((await promisify(execFile)(process.execPath, [...flags, '-e', PROBE], { env: {} })).stdout)

test.each<[string[], number | null]>([
  [[], 512],
  [['--max-semi-space-size=64'], 512],
  [['--max-old-space-size=700'], 700],
  [['--max_old_space_size=700', '--max-old-space-size=600'], 600],
  [['--max-heap-size=900'], null],
  [['--max-old-space-size=700', '--max-old-space-size-percentage=40'], null],
  [['--max-old-space-size'], null],
])('with %o each thread has so much heap: %o', (flags, expected) => {
  expect(heapLimitMb(512, flags)).toBe(expected)
})

describe('this Node', () => {
  test.each([
    ['--max-old-space-size=700'],
    ['--max-semi-space-size=64'],
    ['--max-heap-size=900'],
  ])('really lets %s override the limits of a thread', async (flag) => {
    expect(await limitWith(flag)).toBeGreaterThan(200)
    expect(heapFlags([flag])).toEqual([flag])
  })

  test.each([
    ['--initial-old-space-size=500'],
    ['--min-semi-space-size=32'],
    ['--stack-size=1900'],
  ])('keeps the limits of a thread with %s', async (flag) => {
    expect(await limitWith(flag)).toBeLessThan(200)
    expect(heapFlags([flag])).toEqual([])
  })
})
