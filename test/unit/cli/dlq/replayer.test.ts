import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readLetter } from '#src/cli/dlq/letter.js'
import { Outcome } from '#src/cli/dlq/outcome.js'
import { type Replayable, Replayer } from '#src/cli/dlq/replayer.js'
import { letterOf } from '#src/control/dead-letters/letter.js'
import type { Client } from '#src/kafka/client.js'
import { brokerError, connectionError } from '#src/kafka/errors.js'
import type { RawMessage } from '#src/kafka/raw-message.js'

const facts = {
  ...{ topic: 'orders', groupId: 'g', attempts: 1, reason: 'exhausted' as const },
  error: { name: 'Error', message: 'no' },
}

/** A dead letter of a message with a value of so many bytes. */
const letter = (at: number, bytes: number, partition = 0): Replayable => {
  const message: RawMessage = { key: null, value: new Uint8Array(bytes), headers: [], timestamp: 1n }
  const raw = letterOf(message, { ...facts, partition, offset: String(at) })
  const found = readLetter(raw, { partition: 0, offset: BigInt(at) })
  if (found.source === null) throw new Error('no dead letter')
  return { ...found, source: found.source }
}

interface Asked {
  readonly partition: number
  readonly bytes: number[]
  readonly compress: boolean
}

/** @param refuses what becomes of a request, when it is not written */
const world = (refuses: (asked: Asked) => Error | null = () => null) => {
  const asked: Asked[] = []
  const written: Asked[] = []
  const client = {
    topics: async ([topic]: readonly string[]) => [
      { topic, error: null, partitions: [0, 1, 2].map((partition) => ({ partition, leader: 1 })) },
    ],
    produce: async (
      _: number,
      { partition }: { partition: number },
      messages: readonly RawMessage[],
      { compress = false } = {},
    ) => {
      const request = { partition, bytes: messages.map(({ value }) => value?.length ?? 0), compress }
      asked.push(request)
      const error = refuses(request)
      if (error !== null) throw error
      written.push(request)
      return 0n
    },
  } as unknown as Client
  const outcome = new Outcome()
  const replayer = new Replayer(client, undefined, outcome)
  const write = async (letters: readonly Replayable[]) => {
    outcome.begin(letters)
    await replayer.write(letters)
  }
  return { asked, written, outcome, write }
}

const TOO_LARGE = () => brokerError(10, 'Produce')

/** A topic that takes so much at once; gzip makes a fifth of it. */
const takes =
  (most: number) =>
  ({ bytes, compress }: Asked): Error | null =>
    bytes.reduce((sum, size) => sum + size, 0) / (compress ? 5 : 1) > most ? TOO_LARGE() : null

describe('what a topic does not take at once', () => {
  test('is written in smaller and smaller batches, each message once, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(30_000), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 30_000, max: 200_000 }),
        async (sizes, most) => {
          const { written, outcome, write } = world(takes(most))
          await write(sizes.map((bytes, at) => letter(at, bytes)))
          expect(written.flatMap(({ bytes }) => bytes)).toEqual(sizes)
          expect(outcome.tooLargeText('')).toBeNull()
          expect(outcome.lines('replayed')).toEqual([
            `replayed ${sizes.length} message${sizes.length === 1 ? '' : 's'} to orders`,
          ])
        },
      ),
      { numRuns: 50 },
    )
  })

  test('is halved by its number where nothing is known of its size', async () => {
    const { asked, written, write } = world(({ bytes }) => (bytes.length > 1 ? TOO_LARGE() : null))
    await write([0, 0, 0, 0].map((bytes, at) => letter(at, bytes)))
    expect([written.length, asked.length]).toEqual([4, 6])
  })

  test('is tried once: later batches are no larger than what the topic has taken', async () => {
    const { asked, write } = world(takes(50_000))
    const letters = Array.from({ length: 40 }, (_, at) => letter(at, 10_000))
    await write(letters)
    const before = asked.length
    await write(letters)
    expect(asked.slice(before).every(({ bytes }) => bytes.length <= 5)).toBe(true)
  })

  test('goes compressed when it is alone, and is passed over when that is too large, too; what is behind it is written', async () => {
    const { written, outcome, write } = world(takes(1_000))
    await write([letter(7, 10), letter(8, 4_000), letter(9, 6_000), letter(10, 20)])
    expect(written).toEqual([
      { partition: 0, bytes: [10], compress: false },
      { partition: 0, bytes: [4_000], compress: true },
      { partition: 0, bytes: [20], compress: false },
    ])
    expect(outcome.firstOpen).toBeUndefined()
    expect(outcome.lines('replayed')).toEqual(['replayed 3 messages to orders'])
    expect(outcome.tooLargeText('dlq replay --topic orders.dlq')).toMatch(
      /^1 message not written: too large for "orders", .*\(up to 6,013 bytes\)\. Raise max\.message\.bytes of "orders" well above that, then: dlq replay --topic orders\.dlq --at 0:9 --execute$/,
    )
  })
})

describe('a replay that fails', () => {
  test('says what is written behind the place from where to go on', async () => {
    const { outcome, write } = world(({ partition }) => (partition === 1 ? brokerError(29, 'Produce') : null))
    await expect(write([letter(5, 1), letter(6, 1, 1), letter(7, 1), letter(8, 1, 2)])).rejects.toMatchObject({
      type: 'TOPIC_AUTHORIZATION_FAILED',
    })
    expect(outcome.firstOpen?.offset).toBe(6n)
    expect(outcome.lines('replayed')).toEqual(['replayed 2 messages to orders'])
    expect(outcome.failureLines('0:6')).toEqual([
      'what is before these positions is done; to go on: --from 0:6',
      'behind them 1 message was written, too, and would be again: 0:7',
    ])
  })

  test('says of what no answer came that it may be written, also when a later attempt was refused', async () => {
    const answers = [connectionError('away'), brokerError(29, 'Produce')]
    const { outcome, write } = world(() => answers.shift() ?? null)
    await expect(write([letter(5, 1), letter(6, 1)])).rejects.toBeInstanceOf(Error)
    expect(outcome.failureLines('0:5').at(-1)).toBe('2 messages may have been written, no answer came: 0:5,0:6')
  })

  test('tries again what may succeed later, and tells of it once', async () => {
    const answers = [connectionError('away'), brokerError(6, 'Produce')]
    const { outcome, write } = world(() => answers.shift() ?? null)
    await write([letter(5, 1)])
    expect(outcome.lines('replayed')).toEqual(['replayed 1 message to orders'])
    expect(outcome.failureLines('0:6')).toHaveLength(1)
  })
})
