import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, describeGroup, produce } from '../../support/cluster/index.js'
import { recordsIn } from '../../support/cluster/raw-records.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { topicsFor } from '../../support/pool/dead-letter-topics.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const ROUNDS = 150
const DEATHS = 3

/** Ways to kill a thread, or a process, and the class of error that the dead letter names. */
type Killers = readonly (readonly [deed: string, errorClass: string])[]

const OF_THREADS: Killers = [
  ['uncaught', 'Error'],
  ['uncaught', 'Error'],
  ['unhandled', 'Error'],
  ['unhandled', 'Error'],
  ['exit', 'KCP_THREAD_EXITED'],
  ['exit', 'KCP_THREAD_EXITED'],
  ['exit', 'KCP_THREAD_EXITED'],
  ['oom', 'KCP_THREAD_OUT_OF_MEMORY'],
  ['oom', 'KCP_THREAD_OUT_OF_MEMORY'],
  ['loop', 'KCP_HANDLER_HUNG'],
]

/** What would end the pool, or a thread that nobody can end. */
const OF_PROCESSES: Killers = [
  ['exit', 'KCP_THREAD_EXITED'],
  ['huge', 'KCP_THREAD_OUT_OF_MEMORY'],
  ['signal:11', 'KCP_THREAD_CRASHED'],
  ['stuck', 'KCP_HANDLER_HUNG'],
]

const SIZE = PARTITIONS * ROUNDS
/** Spread over the partitions; two of them stand one behind the other. */
const placesOf = (killers: Killers) => killers.map((_, n) => (n === 1 ? PARTITIONS : n * 59))

const load = (killers: Killers) => {
  const places = placesOf(killers)
  return Array.from({ length: SIZE }, (_, n) => ({
    partition: n % PARTITIONS,
    value: killers[places.indexOf(n)]?.[0] ?? 'sleep:1',
  }))
}

test.each([
  ['thread', 1, OF_THREADS],
  ['thread', 4, OF_THREADS],
  ['process', 1, OF_PROCESSES],
] as const)(
  'isolation by %s, a concurrency of %i: each with its reason, and nothing else is lost, blamed or repeated for nothing',
  async (isolation, concurrency, killers) => {
    const places = placesOf(killers)
    const { topic, dead, create } = await topicsFor(PARTITIONS)
    await create()
    await produce(topic, load(killers))
    const record = newRecord()
    const { pool, groupId, heard } = await startPool({
      isolation,
      topics: [topic],
      handler: record.handler,
      workers: 2,
      concurrency,
      deadLetter: true,
      // Long enough that a thread short of memory dies of that, however slow the machine.
      maxProcessingMs: 8_000,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
      restart: { delayMs: 10, maxDelayMs: 100 },
    })
    const before = await untilStable(groupId, 2)
    await until(
      async () => {
        const offsets = [...(await committed(groupId, topic)).values()]
        return offsets.length === PARTITIONS && offsets.every((offset) => offset === BigInt(ROUNDS))
      },
      { what: 'everything to be committed', deadlineMs: 150_000, everyMs: 200 },
    )
    const letters = (
      await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => recordsIn({ topic: dead, partition })))
    ).flat()
    const letterOfEach = places.map((place, n) => ({
      ...{ topic, partition: String(place % PARTITIONS), offset: String(Math.floor(place / PARTITIONS)) },
      ...{ reason: 'killed', attempts: String(DEATHS), 'error-class': killers[n]?.[1] ?? '' },
    }))
    expect(letters).toHaveLength(killers.length)
    expect(letters.map(({ letter }) => letter)).toEqual(
      expect.arrayContaining(letterOfEach.map((said) => expect.objectContaining(said))),
    )
    expect(letters.map(({ raw }) => Buffer.from(raw.value ?? []).toString()).sort()).toEqual(
      killers.map(([deed]) => deed).sort(),
    )
    for (const { letter } of letters) expect(letter['error-message']).toContain(`has killed ${DEATHS} threads`)

    const isKiller = ({ partition, offset }: { partition: number; offset: number }) =>
      places.includes(offset * PARTITIONS + partition)
    const crashes = heard('slot:crashed')
    const verdict = record.verdict(await producedIn(topic), crashes)
    expect(verdict.lost.filter((message) => !isKiller(message))).toEqual([])
    expect(verdict.counts.finished).toBe(SIZE - killers.length)
    expect(verdict.outOfOrder).toEqual([])
    // A neighbour begins anew once for each death that it was in flight at, and no more.
    const deathsOf = (message: { partition: number; offset: number }) =>
      crashes.filter(({ inFlight }) =>
        inFlight.some(({ partition, offset }) => partition === message.partition && offset === String(message.offset)),
      ).length
    for (const { handlings, ...message } of verdict.startedTwice) {
      expect(handlings.length).toBeLessThanOrEqual(deathsOf(message) + (isKiller(message) ? 0 : 1))
    }
    // With others in flight a death counts against nobody.
    expect(crashes.filter(({ inFlight }) => inFlight.length === 1)).toHaveLength(DEATHS * killers.length)
    if (concurrency === 1) expect(crashes).toHaveLength(DEATHS * killers.length)

    expect(await describeGroup(groupId)).toEqual(before)
    expect([heard('slot:parked'), heard('pool:escalated')]).toEqual([[], []])
    expect(heard('message:dead-lettered').map(({ reason }) => reason)).toEqual(killers.map(() => 'killed'))
    await until(() => pool.status().state === 'running', { what: 'the pool to be well' })
  },
  180_000,
)
