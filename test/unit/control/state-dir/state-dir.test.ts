import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { isGone, ownerOf } from '#src/control/state-dir/owner.js'
import { StateDir } from '#src/control/state-dir/state-dir.js'
import { emptyRow, entriesIn, rowOf } from '#src/protocol/journal.js'

/** The number of a process that is no more. */
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid

const tempFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'state-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const open = (path: string, groups: readonly string[] = ['group']) =>
  new StateDir({ path, groups, convictAfter: () => 2, wallMs: 1_000 })

const folders = (path: string) => readdirSync(path)

/** The pool of that folder dies with these in flight, in each of its slots. */
const kill = (path: string, journals: readonly (readonly [file: string, ...offsets: number[]])[]) => {
  const [folder = ''] = folders(path)
  const state = join(path, folder, 'state.json')
  writeFileSync(state, JSON.stringify({ ...JSON.parse(readFileSync(state, 'utf8')), pid: deadPid(), born: null }))
  for (const [file, ...offsets] of journals) {
    const rows = offsets.map((offset) => rowOf({ topic: 'orders', partition: 3, offset: String(offset) }) ?? emptyRow())
    writeFileSync(file, Buffer.concat([emptyRow(), ...rows, Buffer.from('torn')]))
  }
}

/** What that folder says of messages. */
const leave = (path: string, folder: string, counts: unknown) => {
  const state = join(path, folder, 'state.json')
  writeFileSync(state, JSON.stringify({ ...JSON.parse(readFileSync(state, 'utf8')), counts }))
}

const countsOf = (dir: StateDir, group = 'group') =>
  [...(dir.counts.get(group)?.values() ?? [])].map(({ offset, deaths, convictedAtMs }) => [
    offset,
    deaths,
    convictedAtMs,
  ])

test('a pool that stops leaves nothing, and the next one has nothing to be careful for', () => {
  const path = join(tempFolder(), 'made', 'deep')
  const dir = open(path)
  expect(folders(path)).toHaveLength(1)
  dir.close()
  expect(folders(path)).toEqual([])
  expect(open(path)).toMatchObject({ isAfterDeath: false })
})

test('what was in flight in a slot that came later counts in the group that it was said to be in', () => {
  const path = tempFolder()
  const dir = open(path, ['group'])
  dir.follow(2, 'other')
  kill(path, [[dir.journalOf(2, 1), 5]])
  const next = open(path, ['group', 'other'])
  expect(countsOf(next, 'other')).toEqual([['5', 1, null]])
  expect(countsOf(next)).toEqual([])
})

test('what was in flight at the death of a process is counted by the next one, which keeps the count for the one after it', () => {
  const path = tempFolder()
  kill(path, [[open(path).journalOf(0, 1), 7]])
  const second = open(path)
  expect([second.isAfterDeath, countsOf(second)]).toEqual([true, [['7', 1, null]]])
  expect(folders(path)).toHaveLength(1)
  kill(path, [[second.journalOf(0, 4), 7]])
  expect(countsOf(open(path))).toEqual([['7', 2, 1_000]])
})

test('what a thread had in flight that died before its process is not counted again', () => {
  const path = tempFolder()
  const first = open(path)
  const file = first.journalOf(0, 1)
  kill(path, [[file, 7]])
  first.forget(0, 1)
  expect(countsOf(open(path))).toEqual([])
})

test('pools that run, and those of other groups, do not disturb each other', () => {
  const path = tempFolder()
  const [mine, other] = [open(path), open(path)]
  expect([mine.isAfterDeath, other.isAfterDeath, folders(path).length]).toEqual([false, false, 2])
  mine.close()
  kill(path, [[other.journalOf(0, 1), 7]])
  const foreign = open(path, ['another'])
  expect([foreign.isAfterDeath, folders(path).length]).toEqual([false, 2])
  foreign.close()
  expect(countsOf(open(path))).toEqual([['7', 1, null]])
})

test('messages of two groups of one process are not alone', () => {
  const path = tempFolder()
  const first = open(path, ['group', 'other'])
  kill(path, [
    [first.journalOf(0, 1), 7],
    [first.journalOf(1, 1), 9],
  ])
  const next = open(path, ['group', 'other'])
  expect([countsOf(next), countsOf(next, 'other')]).toEqual([[['7', 0, null]], [['9', 0, null]]])
})

test('a folder that cannot be used is said so', () => {
  const file = join(tempFolder(), 'file')
  writeFileSync(file, '')
  expect(() => open(file)).toThrow(/EEXIST|ENOTDIR/)
  expect(() => open(join(file, 'in', 'it'))).toThrow(/ENOTDIR/)
  if (existsSync('/proc')) expect(() => open('/proc/nowhere/deep')).toThrow(/ENOENT/)
})

test('what is nobody’s, or half there, is left alone', () => {
  const path = tempFolder()
  writeFileSync(join(path, 'pool-file'), '')
  expect(open(path).isAfterDeath).toBe(false)
  expect(existsSync(join(path, 'pool-file'))).toBe(true)
})

test.each([
  ['nothing', null],
  ['no list', { group: 5 }],
  ['no suspects', { group: [null, 7, {}, { topic: 'orders', partition: 3, offset: '-7', deaths: 1 }] }],
])('counts that are %s are nobody’s, and what was in flight is counted all the same', (_, counts) => {
  const path = tempFolder()
  const first = open(path, ['group', 'constructor', '__proto__'])
  const [folder = ''] = folders(path)
  leave(path, folder, counts)
  kill(path, [[first.journalOf(0, 1), 7]])
  expect(countsOf(open(path, ['constructor', 'group', '__proto__']))).toEqual([['7', 1, null]])
})

test('a process is gone when nobody has its number, or somebody who is younger; of another machine nobody knows', () => {
  const own = ownerOf()
  expect(isGone(own)).toBe(false)
  expect(isGone({ ...own, born: 'before' })).toBe(true)
  expect(isGone({ host: hostname(), pid: deadPid(), born: null })).toBe(true)
  expect(isGone({ host: 'elsewhere', pid: deadPid(), born: null })).toBe(false)
})

// Without /proc nobody can tell.
test.runIf(existsSync('/proc/self/stat'))(
  'a process that is dead is gone, also when its parent never asks how it ended',
  async () => {
    const parent = spawn('sh', ['-c', 'sleep 100 & echo $!; exec sleep 100'])
    onTestFinished(() => void parent.kill())
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(line)
    const owner = ownerOf(pid)
    expect(isGone(owner)).toBe(false)
    process.kill(pid, 'SIGKILL')
    await until(() => isGone(owner), { what: 'it to be gone' })
    expect(process.kill(pid, 0)).toBe(true) // it still has its number
  },
)

test('a message whose names are too long for a row is not written down', () => {
  expect(rowOf({ topic: 'x'.repeat(2_000), partition: 0, offset: '1' })).toBeNull()
  const row = rowOf({ topic: 'ä'.repeat(200), partition: 1, offset: '12' })
  expect(entriesIn(row ?? Buffer.alloc(0))).toEqual([{ topic: 'ä'.repeat(200), partition: 1, offset: '12' }])
})

test('a disk that takes no more bytes keeps nothing of a pool that could not settle there', () => {
  const path = tempFolder()
  const module = import.meta.resolve('#src/control/state-dir/state-dir.js')
  const settle = `
    const { StateDir } = await import('${module}')
    try {
      new StateDir({ path: '${path}', groups: ['group'], convictAfter: () => 2 })
    } catch ({ code }) {
      console.log(code)
    }`
  // No file of that process may have a byte.
  const { stdout } = spawnSync('sh', [
    '-c',
    'ulimit -f 0; exec "$0" --input-type=module -e "$1"',
    process.execPath,
    settle,
  ])
  expect(String(stdout).trim()).toBe('EFBIG')
  expect(folders(path)).toEqual([])
})
