import { pino } from 'pino'
import { expect, test } from 'vitest'
import { RssWatch, type Taker } from '#src/control/recycling/rss-watch.js'

const MB = 2 ** 20

const watching = () => {
  const lines: { readonly level: number; readonly msg: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const watch = new RssWatch(1_000, log)
  let nowMs = 0
  /** A look at so much memory, a quarter of a second after the last one. */
  const look = (rssMb: number, ...takers: readonly (number | Taker)[]) => {
    nowMs += 250
    const slots = takers.map((taker, slot) =>
      typeof taker === 'number' ? { slot, mayRecycle: true, bytes: taker * MB } : taker,
    )
    return watch.look(rssMb * MB, slots, nowMs)
  }
  const recycle = () => {
    watch.began()
    watch.ended()
  }
  const wait = (ms: number) => {
    nowMs += ms
  }
  const said = (level: number) => lines.filter((line) => line.level === level).map(({ msg }) => msg)
  return { watch, look, recycle, wait, said }
}

test('below the limit nobody is recycled, however much he takes', () => {
  const { look } = watching()
  for (let n = 0; n < 100; n++) expect(look(1_000, 900, 50)).toBeNull()
})

test('above it the greediest is, when a second look finds the same', () => {
  const { look } = watching()
  expect(look(1_100, 100, 600)).toBeNull()
  expect(look(900, 100, 600)).toBeNull()
  expect(look(1_100, 100, 600)).toBeNull()
  expect(look(1_100, 100, 600)).toBe(1)
})

test('one whose thread does not work now is none', () => {
  const { look } = watching()
  look(1_100)
  expect(
    look(1_100, { slot: 0, mayRecycle: false, bytes: 900 * MB }, { slot: 1, mayRecycle: true, bytes: 90 * MB }),
  ).toBe(1)
})

test('one after the other, as soon as the memory of the last one is free', () => {
  const { watch, look, said } = watching()
  look(1_600, 500, 600)
  expect(look(1_600, 500, 600)).toBe(1)
  watch.began()
  for (let n = 0; n < 100; n++) expect(look(1_600, 500, 10)).toBeNull()
  watch.ended()
  expect(look(1_050, 550, 20)).toBe(0)
  watch.began()
  watch.ended()
  expect(look(500, 10, 30)).toBeNull()
  expect(said(50)).toEqual([])
})

test('when that does not help, tried twice for each slot, it is said once, then one is tried a minute, and the end is said, too', () => {
  const { look, recycle, wait, said } = watching()
  look(1_600, 500, 600)
  for (let n = 0; n < 4; n++) {
    expect(look(1_600, 500, 600)).toBe(1)
    recycle()
    expect(said(50)).toEqual([])
  }
  expect(look(1_600, 500, 600)).toBe(1)
  recycle()
  expect(said(50)).toEqual([
    expect.stringMatching(/^the process takes more than maxRssMb, and to replace threads does not/),
  ])
  wait(59_000)
  expect(look(1_600, 500, 600)).toBeNull()
  wait(1_000)
  expect(look(1_600, 500, 600)).toBe(1)
  recycle()
  expect(said(50)).toHaveLength(1)
  expect(look(900, 0, 100)).toBeNull()
  expect(said(30)).toEqual(['the process takes no more than maxRssMb again'])
  look(1_100, 500, 100)
  expect(look(1_100, 500, 100)).toBe(0) // another time, as at first
})

test('a leak that goes on in all slots at once is kept down, however long', () => {
  const { look, recycle, said } = watching()
  for (let n = 0; n < 100; n++) {
    look(1_200, 600, 500)
    expect(look(1_300, 650, 550)).toBe(0)
    recycle()
    expect(look(1_150, 300, 750)).toBe(1) // nearly as much has come as was freed
    recycle()
    look(900, 400, 100)
  }
  expect(said(50)).toEqual([])
})

test('when no thread takes much it is said, and none is recycled for nothing', () => {
  const { look, said } = watching()
  look(1_600, 30, 40)
  for (let n = 0; n < 1_000; n++) expect(look(1_600, 30, 40)).toBeNull()
  expect(said(50)).toHaveLength(1)
})
