import { describe, expect, test } from 'vitest'
import { BatchBuffer } from '#src/data/batch-buffer.js'
import { NO_EPOCH } from '#src/kafka/metadata.js'
import { batch } from '../../support/data/batches.js'

describe('a buffer', () => {
  test('counts a batch until it is done with', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1]))
    buffer.push(batch('t', 0, [2]))
    expect(buffer.bytes).toBe(300)
    buffer.shift()
    expect(buffer.bytes).toBe(100)
    expect(buffer.head?.offsets).toEqual([2])
  })

  test('holds any number of batches without messages in no memory', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0]))
    for (let nextOffset = 2; nextOffset <= 1_000; nextOffset++) buffer.push(batch('t', 0, [], nextOffset, 500))
    expect(buffer.bytes).toBe(100)
    expect(buffer.head?.nextOffset).toBe(1_000)
    buffer.shift()
    expect(buffer.empty).toBe(true)
  })

  test('keeps a batch without messages when it is the only one, for its offset must be committed', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [], 7, 500))
    expect(buffer.head?.nextOffset).toBe(7)
    expect(buffer.bytes).toBe(0)
  })

  test('keeps the epoch of its messages when behind them one comes that is not known, as after an offset reset', () => {
    const buffer = new BatchBuffer()
    buffer.push({ ...batch('t', 0, [4, 5]), leaderEpoch: 3 })
    buffer.push({ ...batch('t', 0, [], 0), leaderEpoch: NO_EPOCH })
    expect(buffer.head).toMatchObject({ offsets: [4, 5], nextOffset: 6, leaderEpoch: 3 })
    buffer.shift()
    expect(buffer.head).toMatchObject({ offsets: [], nextOffset: 0, leaderEpoch: NO_EPOCH })
    buffer.shift()
    expect([buffer.empty, buffer.bytes]).toEqual([true, 0])
  })

  test('forgets what is cut off, but for the first batch, whose next message may be in flight', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1, 2]))
    buffer.push(batch('t', 0, [3, 4, 5]))
    buffer.push(batch('t', 0, [6, 7]))
    buffer.cutOff(5)
    expect([buffer.head?.offsets, buffer.bytes]).toEqual([[0, 1, 2], 600])
    buffer.shift()
    expect([buffer.head?.offsets, buffer.head?.messages.length, buffer.head?.nextOffset]).toEqual([[3, 4], 2, 5])
    buffer.cutOff(3)
    expect([buffer.head?.offsets, buffer.head?.nextOffset, buffer.empty]).toEqual([[], 3, false])
    buffer.shift()
    expect([buffer.empty, buffer.bytes]).toEqual([true, 0])
  })

  test('knows what lies behind the next message, and what has been handled', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1, 2, 3], 4, 4_000, 400))
    buffer.push(batch('t', 0, [4], 5, 1_000, 100))
    expect([buffer.waitingBytes, buffer.handledBytes]).toEqual([400, 0])
    buffer.cursor = 3
    expect([buffer.waitingBytes, buffer.handledBytes]).toEqual([100, 300])
    buffer.shift()
    expect([buffer.waitingBytes, buffer.handledBytes]).toEqual([0, 400])
    buffer.shift()
    expect([buffer.waitingBytes, buffer.handledBytes]).toEqual([0, 500])
  })

  test('lets everything go from the next message on', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1, 2]))
    buffer.cursor = 1
    expect(buffer.letGo(false)).toBe(1)
    expect([buffer.empty, buffer.bytes, buffer.cursor]).toEqual([true, 0, 0])
    expect(buffer.letGo(false)).toBeUndefined()
  })

  test('lets everything go behind the batch that a handler is at, or that has nothing to show', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1, 2]))
    buffer.push(batch('t', 0, [3, 4]))
    buffer.cursor = 1
    expect(buffer.letGo(true)).toBe(3)
    expect([buffer.head?.offsets, buffer.bytes, buffer.cursor]).toEqual([[0, 1, 2], 300, 1])
    buffer.clear()
    buffer.push(batch('t', 0, [], 7))
    buffer.push(batch('t', 0, [7]))
    expect(buffer.letGo(false)).toBe(7)
    expect([buffer.head?.nextOffset, buffer.bytes]).toEqual([7, 0])
  })

  test('is empty after clear', () => {
    const buffer = new BatchBuffer()
    buffer.push(batch('t', 0, [0, 1]))
    buffer.cursor = 1
    buffer.clear()
    expect([buffer.empty, buffer.bytes, buffer.cursor]).toEqual([true, 0, 0])
  })
})
