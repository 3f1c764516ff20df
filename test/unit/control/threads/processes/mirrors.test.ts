import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MirroredLedger } from '#src/control/threads/processes/mirrored-ledger.js'
import { PageMirror } from '#src/control/threads/processes/page-mirror.js'
import type { Slate } from '#src/control/threads/processes/slate.js'
import { Ledger } from '#src/protocol/ledger.js'
import { Page } from '#src/protocol/page.js'
import type { LedgerWord, PageWord } from '#src/protocol/process-messages.js'
import { WrittenLedger } from '#src/protocol/written-ledger.js'
import { WrittenPage } from '#src/protocol/written-page.js'
import { newSlate } from '../../../../support/control/slate.js'

/*
 * What two threads see that share memory is the model; two processes, which share a file, shall see the same.
 */

const ROWS = 3
const PARTITIONS = 2

/** All that runs has come to its end, so everything is written and everybody looks anew. */
const stretch = () => new Promise<void>((resolve) => setImmediate(resolve))

const number = fc.integer({ min: 0, max: 9 })
const steps = <Name extends string>(...names: readonly Name[]) =>
  fc.array(fc.tuple(fc.constantFrom(...names), number, number), { minLength: 1, maxLength: 30 })

/** Both sides of a ledger in a file. The thread's process does at once what it is told. */
const ledgerInFile = (slate: Slate) => {
  const thread = WrittenLedger.over(Ledger.create(ROWS).buffer, slate.fd, 0)
  const { at } = slate.allot(Ledger.notesFor(ROWS))
  const main = MirroredLedger.ofRows(ROWS)
  const tell = (word: LedgerWord) => {
    if (word.type === 'lease') thread.extendLease(word.untilMs, word.aheadMs)
    else if (word.type === 'looked') thread.looked(word.frozenForMs, word.dueMs)
    else if (word.type === 'raise') thread.raise(word.bits)
    else thread.clear(word.bits)
  }
  main.connect({ read: slate.reader(at, Ledger.notesFor(ROWS)), tell })
  return { main, thread }
}

const LEDGER_STEPS = {
  begin: ({ thread }, row, offset) => thread.begin(row % ROWS, row, offset, offset + 1, 5),
  end: ({ thread }, row) => thread.end(row % ROWS),
  finished: ({ thread }) => thread.countFinished(),
  failed: ({ thread }) => thread.countFailed(),
  retried: ({ thread }) => thread.countRetried(),
  givenUp: ({ thread }) => thread.countGivenUp(),
  hook: ({ thread }, name, nowMs) => thread.beginHook(name % 2 === 0 ? 'setup' : 'teardown', nowMs),
  hookEnds: ({ thread }) => thread.endHook(),
  raise: ({ main }, bits) => main.raise(bits),
  clear: ({ main }, bits) => main.clear(bits),
  threadClears: ({ thread }, bits) => thread.clear(bits),
  memory: ({ thread }, used, external) =>
    thread.noteMemory({ heapUsed: used * 1024, heapLimit: 9 * 1024, external: external * 1024 }, 'full', used),
  decoding: ({ thread }, partitionId, first) => thread.beginDecoding(partitionId, first, first + 9, first % 2 === 0),
  decoded: ({ thread }) => thread.endDecoding(),
  tally: ({ thread }, handlerMs, ageMs) => {
    thread.tally.handlers.count(handlerMs / 2)
    thread.tally.ages.count(ageMs * 1e8)
    thread.tally.fetched(handlerMs)
    thread.tally.buffers(ageMs)
    thread.noteTally()
  },
  looked: ({ main }, frozenMs, dueMs) => main.looked(frozenMs * 1_000, dueMs),
  lease: ({ main }, untilMs, aheadMs) => main.extendLease(untilMs, aheadMs * 100),
} satisfies Record<string, (sides: { main: Ledger; thread: Ledger }, one: number, other: number) => void>

const ledgerAsSeen = ({ main, thread }: { main: Ledger; thread: Ledger }) => ({
  flights: main.flights(10),
  hook: main.hook(10),
  counters: main.counters,
  givenUp: main.givenUp,
  control: thread.control,
  leaseMs: thread.leaseLeftMs(0),
  sleptMs: thread.sleptMs(500),
  memory: main.memory,
  decoding: main.decoding,
  heapFill: main.heapFill,
  handlers: main.tally.handlers.counts,
  ages: main.tally.ages.counts,
  bytes: [main.tally.fetchedBytes, main.tally.bufferedBytes],
  silentMs: main.silentMs(10),
  stoodStillMs: thread.stoodStillMs(0),
})

test('a ledger in a file says what one in shared memory says', async () => {
  const slate = newSlate()
  const names = Object.keys(LEDGER_STEPS) as (keyof typeof LEDGER_STEPS)[]
  await fc.assert(
    fc.asyncProperty(steps(...names), async (taken) => {
      const shared = Ledger.create(ROWS)
      const model = { main: shared, thread: Ledger.from(shared.buffer) }
      const inFile = ledgerInFile(slate)
      slate.release({ at: 0, bytes: Ledger.notesFor(ROWS) * 64 })
      model.main.extendLease(0, 0)
      for (const [name, one, other] of taken) {
        for (const sides of [model, inFile]) LEDGER_STEPS[name](sides, one, other)
        await stretch()
        expect(ledgerAsSeen(inFile)).toEqual(ledgerAsSeen(model))
      }
      inFile.main.disconnect()
      const last = ledgerAsSeen(inFile)
      inFile.thread.begin(0, 99, 99, 1, 0)
      await stretch()
      expect(ledgerAsSeen(inFile)).toEqual(last)
    }),
    { numRuns: 200 },
  )
})

test('what a thread counts for metrics is there a second later, without a write for each message', () => {
  const { main, thread } = ledgerInFile(newSlate())
  for (let n = 0; n < 1_000; n++) thread.tally.handlers.count(3)
  expect(main.tally.handlers.counts.sumMs).toBe(0)
  thread.noteMemory({ heapUsed: 1024, heapLimit: 2048, external: 0 }, 'fine', 1)
  main.disconnect() // reads what there is
  expect(main.tally.handlers.counts.sumMs).toBe(3_000)
})

test('a handler that ends the process is alone when what was in flight before has come to its end', () => {
  const { main, thread } = ledgerInFile(newSlate())
  thread.begin(0, 10, 100, 1, 0)
  thread.begin(1, 11, 200, 1, 0)
  thread.end(0)
  thread.begin(2, 12, 300, 1, 0)
  // It dies here, and what is to be written soon is not.
  expect(main.flights(0).map(({ partitionId }) => partitionId)).toEqual([11, 12])
})

const pageInFile = (slate: Slate) => {
  const main = Page.create([3n, 5n], [1, 2])
  const memory = new SharedArrayBuffer(main.buffer.byteLength)
  new Uint8Array(memory).set(new Uint8Array(main.buffer))
  const thread = WrittenPage.over(memory, slate.fd, 0)
  const { at } = slate.allot(PARTITIONS)
  const tell = (word: PageWord) => {
    if (word.type === 'revoke') thread.revoke(word.index)
    else thread.sawEnd(word.index, word.end)
  }
  const mirror = PageMirror.of(main, { read: slate.reader(at, PARTITIONS), tell })
  return { main, thread, mirror }
}

type Pages = { readonly main: Page; readonly thread: Page }

const PAGE_STEPS = {
  finish: ({ thread }, index, offset) => {
    thread.setEpoch(index % 2, offset)
    thread.finish(index % 2, offset)
  },
  // Main finishes the message that the thread waits for, or one that it waits for no more.
  finishAt: ({ main }, index, off) => {
    const offset = main.finishedUpTo(index % 2)
    main.finishAt(index % 2, off % 3 === 0 ? offset + 1n : offset)
  },
  fetched: ({ thread }, index, offset) => thread.fetched(index % 2, offset, offset + 1),
  // As the thread does that has nothing new to say of the end.
  publish: ({ thread }, index, offset) => thread.fetched(index % 2, offset, Number(thread.end(index % 2))),
  retryAt: ({ thread }, index, atMs) => thread.retryAt(index % 2, atMs === 0 ? null : atMs),
  sawBatches: ({ thread }, index, bytes) => thread.sawBatches(index % 2, bytes),
  sawEnd: ({ main }, index, end) => main.sawEnd(index % 2, BigInt(end)),
  revoke: ({ main }, index) => main.revoke(index % 2),
} satisfies Record<string, (sides: Pages, one: number, other: number) => void>

const pageAsSeen = ({ main, thread }: Pages) =>
  [0, 1].map((index) => ({
    finishedUpTo: main.finishedUpTo(index),
    epoch: main.epoch(index),
    position: main.position(index),
    end: main.end(index),
    batchBytes: main.batchBytes(index),
    retryInMs: main.retryInMs(index, 0),
    revoked: thread.isRevoked(index),
  }))

test('a page in a file says what one in shared memory says, also when main finishes a message on it', async () => {
  const slate = newSlate()
  const names = Object.keys(PAGE_STEPS) as (keyof typeof PAGE_STEPS)[]
  await fc.assert(
    fc.asyncProperty(steps(...names), async (taken) => {
      const shared = Page.create([3n, 5n], [1, 2])
      const model = { main: shared, thread: Page.from(shared.buffer) }
      const inFile = pageInFile(slate)
      slate.release({ at: 0, bytes: PARTITIONS * 64 })
      for (const [name, one, other] of taken) {
        for (const sides of [model, inFile]) PAGE_STEPS[name](sides, one, other)
        await stretch()
        expect(pageAsSeen(inFile)).toEqual(pageAsSeen(model))
      }
      inFile.mirror.close()
      const last = pageAsSeen(inFile)
      inFile.thread.finish(0, 77)
      await stretch()
      expect(pageAsSeen(inFile)).toEqual(last)
    }),
    { numRuns: 300 },
  )
})

test('what the thread has written when its process dies is there, although nothing was to run any more', () => {
  const slate = newSlate()
  const { main, thread } = ledgerInFile(slate)
  thread.begin(0, 4, 17, 1, 0)
  thread.countFinished() // not worth a write of its own
  thread.begin(1, 5, 3, 1, 0)
  main.disconnect()
  expect(main.counters.finished).toBe(1)
  expect(main.flights(0).map(({ partitionId, offset }) => [partitionId, offset])).toEqual([
    [4, 17n],
    [5, 3n],
  ])
})

test('the counts are those of the note that was written last, however old the others are', async () => {
  const { main, thread } = ledgerInFile(newSlate())
  thread.begin(2, 0, 0, 1, 0)
  await stretch()
  expect(main.counters.finished).toBe(0)
  for (let n = 1; n <= 100; n++) {
    thread.countFinished()
    thread.begin(0, 0, n, 1, 0)
    await stretch()
    expect(main.counters.finished).toBe(n)
  }
})
