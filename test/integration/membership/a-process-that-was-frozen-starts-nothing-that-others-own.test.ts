import { expect, it } from 'vitest'
import type { Handling } from '#scripts/support/recorder.js'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const VALUE = 'block:100'
const backlog = (rounds: number) =>
  Array.from({ length: rounds * PARTITIONS }, (_, n) => ({ partition: n % PARTITIONS, value: VALUE }))
const consumer = { sessionTimeout: 3_000, heartbeatInterval: 300 }

it('a process that is frozen for longer than its session starts no message of partitions that others own by then', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, consumer }
  const frozen = await startPoolProcess(options)
  // More than is done before the freeze, so that there is something in the buffers after it.
  await produce(topic, backlog(20))
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: VALUE, everyMs: 400 })
  const other = await startPool({ ...options, groupId: frozen.groupId })
  const before = await untilStable(frozen.groupId, 2)

  // Caught in the act: frozen in the middle of a message, with more of them in its buffers.
  const inFlight = await until(
    () =>
      record.read().find((handling) => {
        const { pid, outcome, startMs } = handling
        return pid === frozen.pid && outcome === null && machineMs() - startMs < 50 && handling
      }),
    { what: 'a message in flight', everyMs: 1 },
  )
  frozen.freeze()
  const alone = await until(
    async () => {
      const group = await describeGroup(frozen.groupId)
      return group.state === 'Stable' && group.members.length === 1 && group
    },
    { what: 'the broker to throw the frozen member out' },
  )
  expect(alone.generation).toBeGreaterThan(before.generation ?? Number.NaN)
  expect(alone.members[0]?.assignment[topic]).toHaveLength(PARTITIONS)
  const starts = (isFrozen: boolean, partition: number) =>
    record.read().filter((handling) => (handling.pid === frozen.pid) === isFrozen && handling.partition === partition)
  const highest = (isFrozen: boolean, partition: number) =>
    Math.max(-1, ...starts(isFrozen, partition).map(({ offset }) => offset))
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  // So that whatever the frozen one would start next has been started by the other one before.
  await until(() => partitions.every((partition) => highest(false, partition) > highest(true, partition) + 1), {
    what: 'the other one to take over',
  })

  const thawedAtMs = machineMs()
  frozen.thaw()
  await untilStable(frozen.groupId, 2)
  await until(() => record.read().some(({ pid, startMs }) => pid === frozen.pid && startMs > thawedAtMs), {
    what: 'the thawed one to work again',
  })
  const verdict = await record.untilNothingIsLost(await traffic.stop())

  expect(verdict).toMatchObject({ lost: [], unknown: [] })
  // What was in flight when the freeze came cannot be taken back; nothing else may overlap, or be started again.
  const inFlightThen = ({ pid, startMs }: Handling) => pid === frozen.pid && startMs <= inFlight.startMs
  expect(verdict.overlapping.filter((pair) => !pair.some(inFlightThen))).toEqual([])
  const stale = partitions.flatMap((partition) =>
    starts(true, partition).filter(
      ({ offset, startMs }) =>
        startMs > thawedAtMs &&
        starts(false, partition).some((theirs) => theirs.offset === offset && theirs.startMs < startMs),
    ),
  )
  expect(stale).toEqual([])
  expect(other.status().slots[0]?.restarts).toBe(0)
})
