import { expect, test } from 'vitest'
import type { ChildProcess, Client } from '#src/control/threads/processes/child-process.js'
import { ProcessLine } from '#src/control/threads/processes/process-line.js'
import type { Duty } from '#src/control/threads/workers.js'
import { Control } from '#src/protocol/ledger.js'
import type { FromThread, ToThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import type { ToProcess } from '#src/protocol/process-messages.js'
import { newSlate } from '../../../../support/control/slate.js'

/** A line to a process that a test plays. */
const bench = () => {
  const posted: ToProcess[] = []
  const slate = newSlate()
  let client: Client | null = null
  const process = {
    slate,
    post: (message: ToProcess) => posted.push(message),
    attend: (next: Client) => {
      client = next
      return 1
    },
    leave: () => {
      client = null
    },
  } as unknown as ChildProcess
  const line = new ProcessLine(1)
  const heard: FromThread[] = []
  line.listen((message) => heard.push(message))
  const begin = () => line.begin(process, { slot: 0 } as Duty, new AbortController().signal)
  const says = (message: FromThread) => client?.said(message)
  return { line, slate, posted, heard, begin, says }
}

let requestId = 0

const assign = (page: Page | null, ids: readonly number[], removed: readonly number[] = []) => ({
  type: 'assign' as const,
  requestId: ++requestId,
  page: page?.buffer ?? new SharedArrayBuffer(0),
  added: ids.map((id, index) => ({ id, topic: 't', partition: id, index, offset: '0' })),
  removed,
})

const pageOf = (partitions: number) => Page.create(Array<bigint>(partitions).fill(0n))

test('what is said before the beginning waits for it, and comes after what main has written meanwhile', () => {
  const { line, posted, begin } = bench()
  line.ledger.raise(Control.rebalance)
  line.ledger.extendLease(5, 7)
  line.send({ type: 'go-on' })
  void begin()
  line.send({ type: 'stop' })
  expect(posted).toEqual([
    { type: 'task', id: 1, task: { slot: 0 }, rows: 1, at: 0 },
    { type: 'ledger', word: { type: 'raise', bits: Control.rebalance } },
    { type: 'ledger', word: { type: 'lease', untilMs: 5, aheadMs: 7 } },
    { type: 'say', message: { type: 'go-on' } },
    { type: 'say', message: { type: 'stop' } },
  ])
})

test('a page is handed on as it is then, and what main writes on it later is told', () => {
  const { line, posted, begin } = bench()
  const page = pageOf(2)
  line.send(assign(page, [0, 1]))
  page.revoke(0)
  void begin()
  page.revoke(1)
  const [handed, told] = posted.slice(-2)
  if (handed?.type !== 'assign') throw new Error('no page was handed on')
  const copy = new SharedArrayBuffer(handed.page.byteLength)
  new Uint8Array(copy).set(handed.page)
  expect([0, 1].map((index) => Page.from(copy).isRevoked(index))).toEqual([true, false])
  expect(told).toEqual({ type: 'page', at: handed.at, word: { type: 'revoke', index: 1 } })
})

test('the place of a page is used again when the process has answered that nothing of it is left, and not before', () => {
  const { line, posted, begin, says } = bench()
  void begin()
  const placeOf = (message: ToThread): number | null => {
    line.send(message)
    const last = posted.at(-1)
    return last?.type === 'assign' ? last.at : Number.NaN
  }
  const first = placeOf(assign(pageOf(2), [0, 1]))
  placeOf(assign(null, [], [0]))
  says({ type: 'done', requestId })
  expect(placeOf(assign(pageOf(2), [2, 3]))).not.toBe(first) // one is left
  placeOf(assign(null, [], [1]))
  expect(placeOf(assign(pageOf(2), [4, 5]))).not.toBe(first) // not answered
  says({ type: 'done', requestId: requestId - 1 })
  expect(placeOf(assign(pageOf(2), [6, 7]))).toBe(first)
})

test('over any number of rebalances the file does not grow', () => {
  const { line, slate, begin, says } = bench()
  void begin()
  let held: number[] = []
  for (let round = 0; round < 1_000; round++) {
    const ids = [0, 1, 2].map((n) => round * 3 + n)
    line.send(assign(pageOf(3), ids, held))
    says({ type: 'done', requestId })
    held = ids
  }
  expect(slate.allot(20).at).toBeLessThan(20 * 64)
})

test('neither when one of the partitions on a page stands still, and the process does not get it', () => {
  const { line, slate, begin, says } = bench()
  void begin()
  for (let round = 0; round < 1_000; round++) {
    line.send(assign(pageOf(3), [round * 2, round * 2 + 1], round === 0 ? [] : [round * 2 - 2, round * 2 - 1]))
    line.send(assign(pageOf(1), []))
    says({ type: 'done', requestId: requestId - 1 })
  }
  expect(slate.allot(20).at).toBeLessThan(20 * 64)
})

test('a page of no partitions has no place', () => {
  const { line, posted, begin } = bench()
  void begin()
  line.send(assign(null, []))
  expect(posted.at(-1)).toMatchObject({ type: 'assign', at: null })
})

test('without room in the file the task fails', async () => {
  const { line, slate, begin } = bench()
  const task = begin()
  slate.allot = () => {
    throw new Error('ENOSPC')
  }
  line.send(assign(pageOf(1), [0]))
  await expect(task).rejects.toThrow('ENOSPC')
})

test('after the end nothing is said, and nothing is heard', () => {
  const { line, posted, heard, begin, says } = bench()
  const page = pageOf(1)
  void begin()
  line.send(assign(page, [0]))
  says({ type: 'log', line: 'before' })
  line.close()
  const before = posted.length
  line.send({ type: 'stop' })
  line.ledger.raise(Control.stop)
  page.revoke(0)
  says({ type: 'log', line: 'after' })
  expect(posted).toHaveLength(before)
  expect(heard).toEqual([{ type: 'log', line: 'before' }])
})
