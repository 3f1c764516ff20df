import fc from 'fast-check'
import { expect, test } from 'vitest'
import { afterProcessDeath, type Counts, type Witness, withLeft } from '#src/control/state-dir/process-deaths.js'
import { ProcessTrial } from '#src/control/supervision/process-trial.js'

const LIMIT = 3
const NONE: Counts = new Map()
const message = (partition: number, offset = 7): Witness => ({ topic: 'orders', partition, offset: String(offset) })
const die = (counts: Counts, ...inFlight: readonly Witness[]) =>
  afterProcessDeath(counts, inFlight, false, LIMIT, 1_000)
const deaths = (counts: Counts) => [...counts].map(([name, suspect]) => [name, suspect.offset, suspect.deaths])

test('what was in flight alone is blamed at once; of several they are all suspect, and nobody is blamed', () => {
  expect(deaths(die(NONE, message(0)))).toEqual([['orders-0', '7', 1]])
  expect(deaths(die(NONE, message(0), message(1)))).toEqual([
    ['orders-0', '7', 0],
    ['orders-1', '7', 0],
  ])
  expect(deaths(afterProcessDeath(NONE, [message(0)], true, LIMIT, 1_000))).toEqual([['orders-0', '7', 0]])
})

test('of several the one is blamed that was in flight at a death before, if it is the only one', () => {
  const first = die(NONE, message(0), message(1))
  expect(deaths(die(first, message(1), message(2)))).toEqual([
    ['orders-0', '7', 0],
    ['orders-1', '7', 1],
    ['orders-2', '7', 0],
  ])
  expect(deaths(die(first, message(0), message(1)))).toEqual(deaths(first))
  // The next message of its partition is another one.
  expect(deaths(die(first, message(0, 8), message(1)))).toEqual([
    ['orders-0', '8', 0],
    ['orders-1', '7', 1],
  ])
})

test('the message is convicted that has killed as often as it may', () => {
  let counts = NONE
  for (const convictedAtMs of [null, null, 1_000]) {
    counts = die(counts, message(0))
    expect(counts.get('orders-0')).toMatchObject({ convictedAtMs, inProcess: true, error: { code: 'PROCESS_DIED' } })
  }
})

test('of what two processes have left of one partition that counts which is further on, or graver', () => {
  const once = [...die(NONE, message(0)).values()]
  const twice = [...die(die(NONE, message(0)), message(0)).values()]
  const further = [...die(NONE, message(0, 8)).values()]
  expect(deaths(withLeft(withLeft(NONE, once), twice))).toEqual([['orders-0', '7', 2]])
  expect(deaths(withLeft(withLeft(NONE, twice), once))).toEqual([['orders-0', '7', 2]])
  expect(deaths(withLeft(withLeft(NONE, twice), further))).toEqual([['orders-0', '8', 1]])
  expect(deaths(withLeft(withLeft(NONE, further), twice))).toEqual([['orders-0', '8', 1]])
})

test('a death with nothing in flight changes nothing', () => {
  const counts = die(NONE, message(0))
  expect(die(counts)).toEqual(counts)
})

test('of the messages that may have killed the process one has its turn, until it is over or leaves', () => {
  const open = new Set(['a', 'b', 'c'])
  const book = { isOnProcessTrial: (name: string) => open.has(name) }
  const trial = new ProcessTrial()
  expect(['a', 'b', 'c', 'a'].map((name) => trial.mayTry(book, name))).toEqual([true, false, false, true])
  open.delete('a')
  expect(['c', 'b'].map((name) => trial.mayTry(book, name))).toEqual([true, false])
  trial.leave(book, 'b')
  expect(trial.mayTry(book, 'b')).toBe(false)
  trial.leave(book, 'c')
  expect(trial.mayTry(book, 'b')).toBe(true)
})

test('with one suspect at a time: a single killer is convicted, and none of its neighbours, however long they take', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 7 }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      fc.infiniteStream(fc.nat(1_000)),
      (killer, slow, random) => {
        let counts = NONE
        const done = new Set<number>()
        const isFoundOut = () => (counts.get(`orders-${killer}`)?.convictedAtMs ?? null) !== null
        for (let death = 0; !isFoundOut(); death++) {
          expect(death, 'it is never found out').toBeLessThan(60)
          const left = slow.flatMap((_, partition) => (done.has(partition) ? [] : [partition]))
          const suspects = left.filter((partition) => counts.has(`orders-${partition}`))
          const [trial] = suspects.length > 0 ? [suspects[random.next().value % suspects.length]] : []
          const others = left.filter((partition) => !suspects.includes(partition))
          const inFlight = [...(trial === undefined ? [] : [trial]), ...others]
          if (!inFlight.includes(killer)) {
            // Nothing kills: what has its turn comes to its end, and the next one has it.
            for (const partition of inFlight) done.add(partition)
            continue
          }
          for (const partition of inFlight) if (!slow[partition] && partition !== killer) done.add(partition)
          counts = die(
            counts,
            ...inFlight.filter((partition) => !done.has(partition)).map((partition) => message(partition)),
          )
        }
        for (const [name, { convictedAtMs }] of counts) expect(convictedAtMs === null).toBe(name !== `orders-${killer}`)
      },
    ),
  )
})
