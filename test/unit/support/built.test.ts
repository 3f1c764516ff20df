import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { changedSince } from '../../support/built.js'

/** A repository of two source files, and the code of threads made of them. */
const built = async () => {
  const root = mkdtempSync(join(tmpdir(), 'built-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const threads = join(root, 'dist', 'threads')
  const source = (name: string): string => join(root, 'src', name)
  await Promise.all([mkdir(threads, { recursive: true }), mkdir(join(root, 'src'))])
  writeFileSync(source('a.ts'), 'export const a = 1')
  writeFileSync(source('b.ts'), 'export const b = 2')
  const sourcesContent = ['export const a = 1', 'export const b = 2']
  const map = { version: 3, sources: ['../../src/a.ts', '../../src/b.ts'], sourcesContent, mappings: '' }
  writeFileSync(join(threads, 'consumer.js.map'), JSON.stringify(map))
  return { threads, source }
}

test('code of threads that was made of the sources as they are is not old', async () => {
  const { threads } = await built()
  expect(changedSince(threads)).toEqual([])
})

test('a source that was changed since, or moved, is named', async () => {
  const { threads, source } = await built()
  writeFileSync(source('b.ts'), 'export const b = 3')
  expect(changedSince(threads)).toEqual([source('b.ts')])
  rmSync(source('a.ts'))
  expect(changedSince(threads)).toEqual([source('a.ts'), source('b.ts')])
})

test('where no code of threads was made there is none', async () => {
  const { source } = await built()
  expect(changedSince(source('.'))).toBeNull()
  expect(changedSince(source('nowhere'))).toBeNull()
})
