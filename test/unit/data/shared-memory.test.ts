import { expect, test } from 'vitest'
import { SharedMemory } from '#src/data/shared-memory.js'
import { NOTE_BEGIN, type Note } from '#src/protocol/note.js'
import { Page } from '#src/protocol/page.js'
import { newSlate } from '../../support/control/slate.js'

const partition = (id: number) => ({ id, topic: 't', partition: id, index: id, offset: '0' })

const finishedUpTo = (notes: readonly (Note | null)[]) => notes.map((note) => note?.longs[NOTE_BEGIN / 2] ?? null)

test('of a page nothing is written any more when all of its partitions are gone, for its place is given to another', () => {
  const slate = newSlate()
  const { at } = slate.allot(2)
  const read = slate.reader(at, 2)
  const memory = new SharedMemory(slate.fd)
  const page = memory.page(Page.create([0n, 0n]).buffer, at, [partition(0), partition(1)])
  page.finish(0, 1)
  memory.drop([0])
  page.finish(1, 2)
  expect(finishedUpTo(read())).toEqual([1n, 2n])
  memory.drop([0, 1])
  for (const index of [0, 1]) page.finish(index, 9)
  expect(finishedUpTo(read())).toEqual([1n, 2n])
})

test('where main is in the same process nothing is written', () => {
  const memory = new SharedMemory(null)
  const { buffer } = Page.create([0n])
  const page = memory.page(buffer, undefined, [partition(0)])
  page.finish(0, 1)
  memory.drop([0])
  page.finish(0, 2)
  expect(Page.from(buffer).finishedUpTo(0)).toBe(2n)
})
