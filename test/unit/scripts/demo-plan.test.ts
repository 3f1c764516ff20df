import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { findDocuments, partitionsFor, planMessages } from '#scripts/demo/plan.js'

const documents = Array.from({ length: 10 }, (_, index) => ({ path: `file-${index}`, bytes: 100 * (index + 1) }))
/** One thread: 1 byte in a millisecond. */
const sample = { documents: 3, bytes: 600, ms: 600 }

it('as many messages are planned as all slots can handle in the time', () => {
  const bytes = planMessages(documents, sample, { slots: 2, budgetMs: 2_000 }).reduce(
    (sum, each) => sum + each.bytes,
    0,
  )
  expect(bytes).toBeGreaterThanOrEqual(4_000)
  expect(bytes).toBeLessThan(5_000)
})

it('the documents are taken in their order, and once more from the front when there are too few', () => {
  const planned = planMessages(documents, sample, { slots: 2, budgetMs: 5_000 }).sort((a, b) => a.number - b.number)
  expect(planned.map(({ number }) => number)).toEqual(planned.map((_, index) => index))
  expect(planned.map(({ path }) => path)).toEqual(planned.map((_, index) => `file-${index % 10}`))
  expect(planned.length).toBeGreaterThan(10)
})

it('the documents of the sample are spread over the whole run', () => {
  const planned = planMessages(documents, sample, { slots: 2, budgetMs: 50_000 })
  const places = planned.flatMap(({ number }, place) => (number < 10 ? [place / planned.length] : []))
  const gaps = [...places, 1].map((place, index) => place - (places[index - 1] ?? 0))
  expect(Math.max(...gaps)).toBeLessThan(0.2)
})

it('what was measured in one thread is always part of it, so that the two can be compared', () => {
  expect(planMessages(documents, sample, { slots: 1, budgetMs: 1 })).toHaveLength(3)
})

it('every partition gets about the same number of bytes', () => {
  const loads = new Map<number, number>()
  for (const { partition, bytes } of planMessages(documents, sample, { slots: 2, budgetMs: 50_000 })) {
    loads.set(partition, (loads.get(partition) ?? 0) + bytes)
  }
  expect(loads.size).toBe(8)
  expect(Math.max(...loads.values()) - Math.min(...loads.values())).toBeLessThanOrEqual(1_000)
})

it.each([
  [1, 8],
  [2, 8],
  [3, 9],
  [8, 8],
  [12, 12],
])('%i slots share %i partitions', (slots, partitions) => {
  expect(partitionsFor(slots)).toBe(partitions)
})

it('documents are the files of a usable size, in an order that depends on their names alone', () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'documents-'))
    onTestFinished(() => rmSync(path, { recursive: true }))
    mkdirSync(join(path, 'below', '.hidden'), { recursive: true })
    writeFileSync(join(path, 'empty.js'), '')
    writeFileSync(join(path, 'huge.js'), Buffer.alloc(256 * 1024 + 1))
    writeFileSync(join(path, 'below', '.hidden', 'secret.js'), 'x')
    for (const name of ['a.js', 'b.txt', 'below/c.json', 'below/d.md']) writeFileSync(join(path, name), 'text')
    return path
  }
  const names = (every: boolean) => findDocuments(folder(), every).map(({ path }) => basename(path))
  expect(names(true).sort()).toEqual(['a.js', 'b.txt', 'c.json', 'd.md'])
  expect(names(false).sort()).toEqual(['a.js', 'c.json', 'd.md'])
  expect(names(true)).toEqual(names(true))
})

it('the offsets are those that the messages get when each partition is filled in the order of sending', () => {
  const ends = new Map<number, number>()
  for (const { partition, offset } of planMessages(documents, sample, { slots: 2, budgetMs: 50_000 })) {
    expect(offset).toBe(ends.get(partition) ?? 0)
    ends.set(partition, offset + 1)
  }
})
