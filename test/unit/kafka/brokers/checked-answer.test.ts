import { describe, expect, it } from 'vitest'
import { checkedAnswer } from '#src/kafka/brokers/checked-answer.js'
import { kafkajs } from '#src/kafka/kafkajs/kafkajs.js'
import { encoder } from '../../../support/kafka/stub-broker.js'

/** The most for which V8 takes the memory of an array of that length at once. */
const MANY = 2 ** 25

describe('an answer that announces more items than it has bytes', () => {
  it('is refused, and takes no memory for them', async () => {
    const { requests } = kafkajs()
    const { response } = requests.ListOffsets.protocol({ version: 2 })({ isolationLevel: 0, topics: [] })
    const answer = encoder().writeInt32(0).writeInt32(MANY).writeString('t').writeInt32(MANY).writeInt32(0).buffer
    const before = process.memoryUsage().heapUsed
    const decoding = response.decode(checkedAnswer(answer)).catch((reason: unknown) => reason)
    // Before anything is collected: in a thread with a small heap these two arrays were the end of the whole process.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(MANY)
    expect(await decoding).toBeInstanceOf(RangeError)
  })

  it('is refused when a count is less than nothing, too, but for null', async () => {
    const { Decoder } = kafkajs()
    const items = (count: number) => new Decoder(encoder().writeInt32(count).writeInt32(7).buffer)
    expect(items(-1).readArray((decoder) => decoder.readInt32())).toEqual([])
    expect(items(1).readArray((decoder) => decoder.readInt32())).toEqual([7])
    expect(() => items(-2).readArray((decoder) => decoder.readInt32())).toThrow(RangeError)
  })
})
