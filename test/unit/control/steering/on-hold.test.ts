import { describe, expect, test } from 'vitest'
import { OnHold } from '#src/control/steering/on-hold.js'

const MINUTES = 60_000

const since = (book: OnHold, ...partitions: readonly number[]) =>
  partitions.map((partition) => book.since({ topic: 'orders', partition }))

describe('what is paused', () => {
  test('is what was named, since it was named first', () => {
    const book = new OnHold()
    book.pause('orders', [1, 2], 10)
    book.pause('orders', [2, 3], 20)
    expect(since(book, 0, 1, 2, 3)).toEqual([null, 10, 10, 20])
    expect(book.since({ topic: 'others', partition: 1 })).toBeNull()
  })

  test('is all of a topic when none is named, also what is still to come', () => {
    const book = new OnHold()
    book.pause('orders', [1], 10)
    book.pause('orders', null, 20)
    expect(since(book, 0, 1, 99)).toEqual([20, 10, 20])
  })

  test('goes on by name while the others of its topic stay paused, until all are paused again', () => {
    const book = new OnHold()
    book.pause('orders', null, 10)
    expect(book.resume('orders', [1])).toBe(true)
    expect(since(book, 0, 1)).toEqual([10, null])
    expect(book.resume('orders', [1])).toBe(false)
    book.pause('orders', null, 20)
    expect(since(book, 0, 1)).toEqual([10, 10])
  })

  test('goes on together when none is named', () => {
    const book = new OnHold()
    book.pause('orders', [1], 10)
    book.pause('others', null, 10)
    expect(book.resume('orders', null)).toBe(true)
    expect(since(book, 1)).toEqual([null])
    expect(book.resume('orders', null)).toBe(false)
    expect(book.since({ topic: 'others', partition: 0 })).toBe(10)
  })

  test('is told of once when that lasts, and again after it was resumed', () => {
    const book = new OnHold()
    book.pause('orders', [1], 0)
    book.pause('orders', [2], 1 * MINUTES)
    book.pause('others', null, 1 * MINUTES)
    expect(book.becameLong(4 * MINUTES)).toEqual([])
    expect(book.becameLong(5 * MINUTES)).toEqual([{ topic: 'orders', partitions: [1] }])
    expect(book.becameLong(6 * MINUTES)).toEqual([
      { topic: 'orders', partitions: [2] },
      { topic: 'others', partitions: null },
    ])
    expect(book.becameLong(60 * MINUTES)).toEqual([])
    book.resume('orders', [1])
    book.pause('orders', [1], 60 * MINUTES)
    expect(book.becameLong(65 * MINUTES)).toEqual([{ topic: 'orders', partitions: [1] }])
  })
})
