import { spawnSync } from 'node:child_process'
import { existsSync, fstatSync, readdirSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NOTE_BEGIN, NOTE_BYTES, Note } from '#src/protocol/note.js'
import { newSlate } from '../../../../support/control/slate.js'

const noteOf = (text: number): Note => {
  const note = new Note()
  note.words.fill(text, NOTE_BEGIN)
  note.seal()
  return note
}

test('the file has no name, and nobody else may read it', () => {
  const slate = newSlate()
  expect(fstatSync(slate.fd)).toMatchObject({ nlink: 0, mode: 0o100600 })
  const folders = ['/dev/shm', '/tmp'].filter((folder) => existsSync(folder))
  expect(folders.flatMap((folder) => readdirSync(folder)).filter((name) => name.includes('consumer-pool-'))).toEqual([])
})

test('what is written is read; what is not, or not whole, is nothing', () => {
  const slate = newSlate()
  const { at } = slate.allot(3)
  writeSync(slate.fd, noteOf(7).bytes, 0, NOTE_BYTES, at)
  writeSync(slate.fd, noteOf(8).bytes, 0, NOTE_BYTES / 2, at + 2 * NOTE_BYTES)
  expect(
    slate
      .reader(at, 3)()
      .map((note) => note?.words[5] ?? null),
  ).toEqual([7, null, null])
})

test('places do not overlap, and one that was released is given again, with nothing on it', () => {
  const slate = newSlate()
  const [first, second] = [slate.allot(2), slate.allot(5)]
  expect(second.at).toBe(first.at + 2 * NOTE_BYTES)
  writeSync(slate.fd, noteOf(1).bytes, 0, NOTE_BYTES, second.at)
  slate.release(second)
  expect(slate.allot(6).at).toBe(second.at + 5 * NOTE_BYTES) // too small
  expect(slate.allot(4).at).toBe(second.at)
  expect(slate.reader(second.at, 1)()).toEqual([null])
})

test('nothing is read of a file that is closed', () => {
  const slate = newSlate()
  const { at } = slate.allot(1)
  slate.close()
  expect(slate.reader(at, 1)()).toEqual([])
})

test('where the system has room for a part of it only, no place is given', () => {
  const program = `
    import { Slate } from '#src/control/threads/processes/slate.js'
    const slate = new Slate()
    console.log(slate.allot(1).at)
    try {
      slate.allot(1_000)
    } catch ({ code }) {
      console.log(code)
    }
    console.log(slate.allot(2).at)`
  const command = 'ulimit -f 8 && exec "$0" --input-type=module --eval "$1"'
  const { stdout } = spawnSync('/bin/sh', ['-c', command, process.execPath, program], { encoding: 'utf8' })
  expect(stdout.split('\n')).toEqual(['0', 'EFBIG', '64', ''])
})
