import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkHistory } from '#scripts/support/checker.js'
import type { Handling } from '#scripts/support/recorder.js'
import type { Range } from '#scripts/support/topics.js'

const produced: readonly Range[] = [{ topic: 't', partition: 0, from: 0, to: 5 }]

/** A finished handling of t-0@offset from `startMs` to 1 ms later, by slot 0's first incarnation. */
const handled = (offset: number, startMs: number, more: Partial<Handling> = {}): Handling => ({
  topic: 't',
  partition: 0,
  offset,
  pid: 1,
  ppid: 0,
  threadId: 1,
  slot: 0,
  incarnation: 1,
  attempt: 1,
  startMs,
  endMs: startMs + 1,
  outcome: 'finished',
  ...more,
})
const open = { endMs: null, outcome: null } as const
const failed = { outcome: 'failed' } as const

/** Offsets 0 to 4, one after the other. */
const clean = (): Handling[] => [0, 1, 2, 3, 4].map((offset) => handled(offset, offset * 10))
const offsets = (list: readonly { offset: number }[]): number[] => list.map(({ offset }) => offset)
const faults = ({ counts, ...verdict }: ReturnType<typeof checkHistory>) =>
  Object.fromEntries(Object.entries(verdict).map(([name, list]) => [name, list.length]))
const none = {
  lost: 0,
  repeated: 0,
  unexcused: 0,
  startedTwice: 0,
  outOfOrder: 0,
  overlapping: 0,
  handledByTwoOwnersAtOnce: 0,
  unknown: 0,
}

describe('a history without fault', () => {
  test.each<[string, Handling[]]>([
    ['each message once, in order', clean()],
    ['listed in another order than it happened', clean().reverse()],
    ['retried until it went well', [...clean().slice(1), handled(0, 0, failed), handled(0, 2, { attempt: 2 })]],
    [
      'with a partition that changes its owner between two messages',
      clean().map((h) => (h.offset < 3 ? h : { ...h, slot: 1 })),
    ],
  ])('is found to be one: %s', (_, record) => {
    expect(faults(checkHistory({ produced, record }))).toEqual(none)
  })

  test('is counted', () => {
    const record = [...clean(), handled(4, 35, failed), handled(9, 60, { ...open, slot: 2 })]
    expect(checkHistory({ produced, record }).counts).toEqual({
      produced: 5,
      finished: 5,
      handlings: 7,
      failed: 1,
      open: 1,
      owners: 2,
    })
  })
})

describe('a planted fault is found, and no other', () => {
  test('a message that nobody handled is lost', () => {
    const verdict = checkHistory({ produced, record: clean().filter(({ offset }) => offset !== 2) })
    expect(faults(verdict)).toEqual({ ...none, lost: 1 })
    expect(verdict.lost).toEqual([{ topic: 't', partition: 0, offset: 2 }])
  })

  test.each<[string, Partial<Handling>]>([
    ['whose thread died', open],
    ['that failed', failed],
  ])('a message %s is lost when nobody tries it again', (_, how) => {
    const record = clean().map((h) => (h.offset === 4 ? { ...h, ...how } : h))
    expect(faults(checkHistory({ produced, record }))).toEqual({ ...none, lost: 1 })
  })

  test('a message that was started and then again by the next incarnation is started twice, not repeated', () => {
    const record = clean().flatMap((h) =>
      h.offset < 2
        ? [h]
        : h.offset > 2
          ? [{ ...h, incarnation: 2 }]
          : [
              { ...h, ...open },
              { ...h, startMs: 25, incarnation: 2 },
            ],
    )
    const verdict = checkHistory({ produced, record })
    expect(faults(verdict)).toEqual({ ...none, startedTwice: 1 })
    expect(verdict.startedTwice[0]?.handlings.map(({ incarnation }) => incarnation)).toEqual([1, 2])
  })

  describe('a message handled to the end by two incarnations', () => {
    const record = [
      ...clean().slice(0, 3),
      ...[2, 3, 4].map((offset) => handled(offset, offset * 10 + 5, { incarnation: 2 })),
    ]
    const crash = (offset: number | string | bigint, incarnation = 1) => ({
      slot: 0,
      incarnation,
      inFlight: [{ topic: 't', partition: 0, offset }],
    })

    test('is repeated, and the finding names both', () => {
      const verdict = checkHistory({ produced, record })
      expect(faults(verdict)).toEqual({ ...none, repeated: 1, unexcused: 1, startedTwice: 1 })
      expect(verdict.repeated).toMatchObject([
        { topic: 't', partition: 0, offset: 2, handlings: [{ incarnation: 1 }, { incarnation: 2 }] },
      ])
    })

    test.each([2, '2', 2n])('is excused by a crash with it in flight (offset %o)', (offset) => {
      expect(checkHistory({ produced, record, crashes: [crash(offset)] }).unexcused).toEqual([])
    })

    test.each([
      ['with another message in flight', [crash(1)]],
      ['of an incarnation that did not handle it', [crash(2, 3)]],
    ])('is not excused by a crash %s', (_, crashes) => {
      expect(offsets(checkHistory({ produced, record, crashes }).unexcused)).toEqual([2])
    })

    test('is not excused by one crash for two repetitions', () => {
      const thrice = [...record, handled(2, 100, { incarnation: 3 })]
      expect(offsets(checkHistory({ produced, record: thrice, crashes: [crash(2)] }).unexcused)).toEqual([2])
    })
  })

  test('a message that was passed over and handled later is out of order', () => {
    const record = [handled(0, 0), handled(2, 10), handled(1, 20), handled(3, 30), handled(4, 40)]
    const verdict = checkHistory({ produced, record })
    expect(faults(verdict)).toEqual({ ...none, outOfOrder: 1 })
    expect(offsets(verdict.outOfOrder)).toEqual([1])
  })

  test('a message that was passed over and handled later by another owner is out of order', () => {
    const record = [handled(0, 0), handled(2, 10), handled(1, 20, { slot: 1 }), handled(3, 30), handled(4, 40)]
    expect(offsets(checkHistory({ produced, record }).outOfOrder)).toEqual([1])
  })

  test('an owner that goes back to what it had finished is out of order', () => {
    const verdict = checkHistory({ produced, record: [...clean(), handled(4, 50)] })
    expect(offsets(verdict.outOfOrder)).toEqual([4])
    expect(offsets(checkHistory({ produced, record: [...clean(), handled(3, 50, failed)] }).outOfOrder)).toEqual([3])
  })

  test('an owner that comes back to a failed message after a later one is out of order', () => {
    const record = clean().map((h) => (h.offset === 1 ? { ...h, ...failed } : h))
    const verdict = checkHistory({ produced, record: [...record, handled(1, 50, { attempt: 2 })] })
    expect(faults(verdict)).toEqual({ ...none, outOfOrder: 1 })
  })

  test('a new owner that begins where the last commit was is in order, but repeats', () => {
    const record = [...clean(), ...[2, 3, 4].map((offset) => handled(offset, 100 + offset, { slot: 1 }))]
    expect(faults(checkHistory({ produced, record }))).toEqual({ ...none, repeated: 3, unexcused: 3, startedTwice: 3 })
  })

  test.each<[string, Partial<Handling>]>([
    ['slots', { slot: 1 }],
    ['incarnations of one slot', { incarnation: 2 }],
    ['processes', { pid: 2 }],
  ])('two %s at one partition at the same time overlap', (_, other) => {
    const record = clean().map((h) => (h.offset === 3 ? { ...h, ...other, startMs: 20.5 } : h))
    const verdict = checkHistory({ produced, record })
    expect(faults(verdict)).toEqual({ ...none, overlapping: 1 })
    expect(verdict.overlapping.map(offsets)).toEqual([[2, 3]])
  })

  test('two owners of one message at the same time are named', () => {
    const verdict = checkHistory({ produced, record: [...clean(), handled(4, 40.5, { slot: 1 })] })
    expect(faults(verdict)).toMatchObject({ overlapping: 1, handledByTwoOwnersAtOnce: 1 })
  })

  test('a handling that begins when another ends does not overlap it', () => {
    const record = clean().map((h) => (h.offset === 3 ? { ...h, slot: 1, startMs: 21 } : h))
    expect(faults(checkHistory({ produced, record }))).toEqual(none)
  })

  test('a handling that never came back lasts as long as its owner is known to live', () => {
    const stuck = handled(0, 0, { ...open, slot: 7 })
    const next = handled(0, 50)
    expect(checkHistory({ produced, record: [stuck, next] }).overlapping).toEqual([])
    const life = handled(0, 60, { slot: 7, partition: 1 })
    expect(checkHistory({ produced, record: [stuck, next, life] }).handledByTwoOwnersAtOnce).toHaveLength(1)
  })

  test('a message that was never produced is unknown', () => {
    const verdict = checkHistory({ produced, record: [...clean(), handled(5, 60)] })
    expect(faults(verdict)).toEqual({ ...none, unknown: 1 })
  })
})

/** Partitions handled in turn by slots that take over from each other between messages. */
const cleanHistories = fc
  .array(
    fc.record({
      messages: fc.integer({ min: 1, max: 20 }),
      slots: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((partitions) => ({
    produced: partitions.map(({ messages }, partition) => ({ topic: 't', partition, from: 100, to: 100 + messages })),
    record: partitions.flatMap(({ messages, slots }, partition) =>
      Array.from({ length: messages }, (_, i) =>
        handled(100 + i, i * 2, { partition, slot: slots[Math.floor((i * slots.length) / messages)] ?? 0 }),
      ),
    ),
  }))
const withVictim = cleanHistories.chain((history) =>
  fc.record({
    history: fc.constant(history),
    victim: fc.nat(history.record.length - 1).map((at) => history.record[at] as Handling),
  }),
)

describe('for every history', () => {
  test('without a fault, none is found', () => {
    fc.assert(
      fc.property(cleanHistories, (history) => {
        expect(faults(checkHistory(history))).toEqual(none)
      }),
    )
  })

  test('a message taken out is the one that is lost', () => {
    fc.assert(
      fc.property(withVictim, ({ history, victim }) => {
        const record = history.record.filter((handling) => handling !== victim)
        const verdict = checkHistory({ ...history, record })
        expect(faults(verdict)).toEqual({ ...none, lost: 1 })
        expect(verdict.lost[0]).toMatchObject({ partition: victim.partition, offset: victim.offset })
      }),
    )
  })

  test('a message handled again afterwards is the one that is repeated', () => {
    fc.assert(
      fc.property(withVictim, ({ history, victim }) => {
        const again = { ...victim, startMs: 1000, endMs: 1001, slot: 9 }
        const verdict = checkHistory({ ...history, record: [...history.record, again] })
        expect(faults(verdict)).toEqual({ ...none, repeated: 1, unexcused: 1, startedTwice: 1 })
        expect(verdict.repeated[0]?.handlings).toEqual([victim, again])
      }),
    )
  })

  test('two messages handled in each other’s place are out of order', () => {
    fc.assert(
      fc.property(withVictim, ({ history, victim }) => {
        const next = history.record.find((h) => h.partition === victim.partition && h.offset === victim.offset + 1)
        fc.pre(next !== undefined)
        const record = history.record.map((handling) => {
          if (handling === victim) return { ...handling, offset: victim.offset + 1 }
          return handling === next ? { ...handling, offset: victim.offset } : handling
        })
        const verdict = checkHistory({ ...history, record })
        expect(faults(verdict)).toEqual({ ...none, outOfOrder: 1 })
      }),
    )
  })

  test('a stranger at the same partition at the same time overlaps', () => {
    fc.assert(
      fc.property(withVictim, ({ history, victim }) => {
        const stranger = { ...victim, slot: 9, startMs: victim.startMs + 0.5 }
        const verdict = checkHistory({ ...history, record: [...history.record, stranger] })
        expect(verdict.handledByTwoOwnersAtOnce).toEqual([[victim, stranger]])
      }),
    )
  })
})
