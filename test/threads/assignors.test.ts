import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { Assignors } from '#src/control/membership/assignors/assignors.js'
import type { MemberSubscription } from '#src/control/membership/assignors/index.js'
import { assignors as ours } from '#src/control/membership/assignors/index.js'

const folder = mkdtempSync(join(tmpdir(), 'kcp-assignors-'))
afterAll(() => rmSync(folder, { recursive: true }))

let modules = 0
const moduleOf = (text: string): string => {
  const path = join(folder, `assignor-${++modules}.mjs`)
  writeFileSync(path, text)
  return pathToFileURL(path).href
}

const member = (memberId: string, more: Partial<MemberSubscription> = {}): MemberSubscription => ({
  ...{ memberId, instanceId: null, topics: ['t'] },
  ...more,
})

/** All to the first member, whatever that subscribes to. */
const FIRST = `export const name = 'first'
export const assign = (members, counts) =>
  new Map(members.map(({ memberId }, n) => [memberId, n > 0 ? [] :
    [...counts].flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })))]))`

const loaded = async (text: string) => {
  const module = moduleOf(text)
  const assignors = new Assignors()
  await assignors.load([module, 'range'], 10_000)
  return { assignors, module, protocols: assignors.protocolsOf([module, 'range']) }
}

const refused = (text: RegExp) =>
  expect.objectContaining({ code: 'KCP_MODULE_NOT_USABLE', message: expect.stringMatching(text) })

describe('an assignor of the user’s own', () => {
  test('is offered by its name, and assigns in a thread', async () => {
    const { assignors, protocols, module } = await loaded(FIRST)
    expect(protocols).toEqual([
      { name: 'first', isCooperative: false },
      { name: 'range', isCooperative: false },
    ])
    expect(assignors.isCooperative([module])).toBe(false)
    const assignment = await assignors.assign('first', [member('a'), member('b')], new Map([['t', 2]]), new Map())
    const all = [0, 1].map((partition) => ({ topic: 't', partition }))
    expect([...assignment]).toEqual([
      ['a', all],
      ['b', []],
    ])
  })

  test('that is cooperative takes away in one generation and gives in the next', async () => {
    const { assignors, module } = await loaded(`export default { isCooperative: true, name: 'first', assign(members) {
      return new Map([[members[0].memberId, [{ topic: 't', partition: 0 }]]]) } }`)
    expect(assignors.isCooperative([module])).toBe(true)
    const owner = member('b', { owned: [{ topic: 't', partition: 0 }], generation: 3 })
    const counts = new Map([['t', 1]])
    expect([...(await assignors.assign('first', [member('a'), owner], counts, new Map()))]).toEqual([
      ['a', []],
      ['b', []],
    ])
    const next = await assignors.assign('first', [member('a'), member('b')], counts, new Map())
    expect(next.get('a')).toEqual([{ topic: 't', partition: 0 }])
  })

  test.each([
    ['export const name = "x"', /file:.*exports no function "assign"/],
    ['export const assign = () => new Map()', /file:.*exports no "name"/],
    ['throw new Error("mine")', /file:.*mine/],
    [
      'export const name = "range", assign = () => new Map()',
      /file:.*has the name of an assignor of this package, "range"/,
    ],
    ['process.exit(3)', /file:.*its thread ended with code 3/],
  ])('that cannot be used is refused before anything joins: %s', async (text, message) => {
    await expect(loaded(text)).rejects.toEqual(refused(message))
  })

  test('is the only one that answers: what else its module says is not heard', async () => {
    const says = (what: string) => `for (const port of [parentPort, ...Object.values(workerData)])
      if (typeof port?.postMessage === 'function') port.postMessage(${what})`
    const { assignors, protocols } = await loaded(`import { parentPort, workerData } from 'node:worker_threads'
      ${says(`{ name: 'other', isCooperative: true }`)}
      export const name = 'mine'
      export const assign = () => {
        ${says(`[['a', [{ topic: 't', partition: 0 }]]]`)}
        return new Map([['b', [{ topic: 't', partition: 0 }]]])
      }`)
    expect(protocols[0]).toEqual({ name: 'mine', isCooperative: false })
    const assignment = await assignors.assign('mine', [member('a'), member('b')], new Map([['t', 1]]), new Map())
    expect([...assignment]).toEqual([
      ['a', []],
      ['b', [{ topic: 't', partition: 0 }]],
    ])
  })

  test('that does not load in time, or does not come back, is named', async () => {
    const module = moduleOf('await new Promise(() => setInterval(() => {}, 1_000))')
    await expect(new Assignors().load([module], 300)).rejects.toEqual(refused(/file:.*had not come back after 0.3 s/))
  })

  test('has half of the session of its leader, which would be thrown out of the group', async () => {
    const { assignors } = await loaded(
      `export const name = 'slow', assign = () => new Promise(() => setInterval(() => {}, 1_000))`,
    )
    await expect(assignors.assign('slow', [], new Map(), new Map(), 600)).rejects.toEqual(
      refused(/not come back after 0.3 s/),
    )
  })

  test.each([
    ['{ topic: "t", partition: 7 }', /gives t-7 to "a", and there is no such partition/],
    ['{ topic: "u", partition: 0 }', /gives u-0 to "a", which does not subscribe to "u"/],
    ['{ topic: "t", partition: 0 }, { topic: "t", partition: 0 }', /gives t-0 to "a" and to "a"/],
  ])('that assigns what cannot be says so: %s', async (partitions, message) => {
    const { assignors } = await loaded(`export const name = 'odd', assign = () => new Map([['a', [${partitions}]]])`)
    const counts = new Map([
      ['t', 2],
      ['u', 1],
    ])
    await expect(assignors.assign('odd', [member('a')], counts, new Map())).rejects.toEqual(refused(message))
  })

  test('that throws, or answers something else, or names a stranger says so', async () => {
    const throws = await loaded(`export const name = 'odd', assign = () => { throw new Error('mine') }`)
    await expect(throws.assignors.assign('odd', [], new Map(), new Map())).rejects.toEqual(refused(/file:.*mine/))
    const other = await loaded(`export const name = 'odd', assign = () => ({})`)
    await expect(other.assignors.assign('odd', [], new Map(), new Map())).rejects.toEqual(refused(/returned no Map/))
    const stranger = await loaded(`export const name = 'odd', assign = () => new Map([['z', []]])`)
    await expect(stranger.assignors.assign('odd', [member('a')], new Map(), new Map())).rejects.toEqual(
      refused(/"z", which is no member/),
    )
  })
})

describe('the example range with racks', () => {
  test('gives each member what is near to it, and equal shares', async () => {
    const assignors = new Assignors()
    const module = new URL('../../examples/rack-range-assignor.mjs', import.meta.url).href
    await assignors.load([module], 10_000)
    const racks = new Map([['t', [['b'], ['a'], ['b'], ['a'], ['b']]]])
    const members = [member('1', { rackId: 'a' }), member('2', { rackId: 'b' })]
    const assignment = await assignors.assign('rack-range', members, new Map([['t', 5]]), racks)
    const numbers = [...assignment].map(([id, list]) => [id, list.map(({ partition }) => partition).sort()])
    expect(numbers).toEqual([
      ['1', [1, 3, 4]],
      ['2', [0, 2]],
    ])
  })
})

test('more than 50 members with 1,000 partitions are dealt out off the main thread, with the same result', async () => {
  const members = Array.from({ length: 60 }, (_, n) => member(`m${String(n).padStart(3, '0')}`))
  const counts = new Map([['t', 1_000]])
  let rounds = 0
  const ticking = setInterval(() => rounds++, 1)
  const assignment = await new Assignors().assign('cooperative-sticky', members, counts, new Map())
  clearInterval(ticking)
  expect(assignment).toEqual(ours['cooperative-sticky'].assign(members, counts))
  expect(rounds).toBeGreaterThan(0)
})
