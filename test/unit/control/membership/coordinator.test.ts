import { expect, test } from 'vitest'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { FakeClient, kafkaError, silence, unanswered } from '../../../support/control/fake-client.js'

const world = () => {
  const client = new FakeClient()
  const limits: unknown[] = []
  const find = client.findCoordinator.bind(client)
  client.findCoordinator = (groupId, limit) => {
    limits.push(limit?.atMostMs)
    return find(groupId)
  }
  const coordinator = new Coordinator(client, 'group')
  const ask = () => coordinator.ask(async (_client, node) => node)
  return { client, coordinator, limits, ask }
}

test('the look-up of the coordinator waits for 6 s, and only after a silence for twice as long', async () => {
  const { client, limits, ask } = world()
  const failures = [kafkaError(15), unanswered(), silence(), unanswered(), silence()]
  client.onFindCoordinator = [...failures.map((error) => () => Promise.reject(error)), async () => 1]
  for (const error of failures) await expect(ask()).rejects.toBe(error)
  await expect(ask()).resolves.toBe(1)
  expect(limits).toEqual([6_000, 6_000, 6_000, 12_000, 12_000, 24_000])
})

test('a coordinator that was found once is looked up with the first patience when it has moved', async () => {
  const { client, coordinator, limits, ask } = world()
  client.onFindCoordinator = [() => Promise.reject(silence()), async () => 1]
  await expect(ask()).rejects.toMatchObject({ isSilence: true })
  await ask()
  await expect(coordinator.ask(() => Promise.reject(kafkaError(16)))).rejects.toMatchObject({ code: 16 })
  await ask()
  expect(limits).toEqual([6_000, 12_000, 6_000])
})
