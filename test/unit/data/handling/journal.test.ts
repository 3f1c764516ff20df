import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Journal } from '#src/data/handling/journal.js'
import { entriesIn } from '#src/protocol/journal.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { soon } from '../../../support/data/soon.js'
import { collectLines } from '../../../support/log-lines.js'

const world = (carefulUntilMs: number) => {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'there', 'slot')
  const { logger, lines } = collectLines()
  let nowMs = 0
  const journal = new Journal({ file, carefulUntilMs, rows: 2, log: logger, now: () => nowMs })
  onTestFinished(() => journal.close())
  const read = () => entriesIn(readFileSync(file)).map(({ partition, offset }) => `${partition}@${offset}`)
  const seen: string[][] = []
  return {
    ...{ journal, file, lines, read, seen },
    make: () => mkdirSync(join(dir, 'there')),
    at: (ms: number) => {
      nowMs = ms
    },
  }
}

test('a suspect is written down before its handler begins and struck out when it comes back, the others are not', async () => {
  const { journal, make, read, seen } = world(Number.NEGATIVE_INFINITY)
  make()
  const bench = new DispatcherBench(() => void seen.push(read()), { concurrency: 2, journal })
  const [first, second] = bench.assign({ partition: 0, suspect: { offset: '0' } }, { partition: 1 })
  if (first === undefined || second === undefined) throw new Error('no partition')
  bench.feed(first, [0])
  await soon('the suspect', () => seen.length === 1)
  bench.feed(second, [0])
  bench.feed(first, [1])
  await soon('the others', () => seen.length === 3)
  expect([seen, read()]).toEqual([[['0@0'], [], []], []])
})

test('after the death of a process all are for a while, also those whose handlers take their time', async () => {
  const { journal, make, read } = world(Number.POSITIVE_INFINITY)
  make()
  const ends: (() => void)[] = []
  const handler = () => new Promise<void>((resolve) => ends.push(resolve))
  const bench = new DispatcherBench(handler, { concurrency: 2, journal })
  for (const partition of bench.assign({ partition: 0 }, { partition: 1 })) bench.feed(partition, [5])
  await soon('both', () => ends.length === 2)
  expect(read().sort()).toEqual(['0@5', '1@5'])
  ends[0]?.()
  await soon('one is over', () => read().length === 1)
})

test('a disk that does not take it is told of once, holds nothing up, and is used again when it does', () => {
  const { journal, make, at, lines, read } = world(Number.POSITIVE_INFINITY)
  const partition = { topic: 't', partition: 0, suspect: null } as Parameters<Journal['begin']>[1]
  for (let offset = 0; offset < 100; offset++) {
    journal.begin(0, partition, offset, 0)
    journal.end(0)
  }
  expect(lines.map(({ level }) => level)).toEqual([50])
  make()
  at(1_000)
  journal.begin(0, partition, 100, 0)
  expect(read()).toEqual(['0@100'])
  expect(lines.map(({ level }) => level)).toEqual([50, 30])
})
