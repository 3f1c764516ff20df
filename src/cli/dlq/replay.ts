import { formatCount } from '../numbers.js'
import { onStopSignals } from '../stop-signals.js'
import { oneLine } from './bytes.js'
import { type ConnectionFlags, withClient } from './connection.js'
import type { Letter, Source } from './letter.js'
import { print } from './output.js'
import { positionName } from './positions.js'
import { Progress } from './progress.js'
import { Replayer } from './replayer.js'
import { type Range, scan } from './scan.js'
import { isMeant, rangesFor, type SelectionFlags } from './selection.js'

export interface ReplayFlags extends ConnectionFlags, SelectionFlags {
  readonly to?: string
  readonly execute?: boolean
}

/** Numbers of records. */
interface Tally {
  /** By the topic that they go to. */
  readonly to: Map<string, number>
  again: number
  strangers: number
}

type Replayable = Letter & { readonly source: Source }

/** Those of the letters that are to be written, each message once. */
const chosen = (letters: readonly Letter[], flags: ReplayFlags, seen: Set<string>, tally: Tally): Replayable[] =>
  letters.flatMap((letter) => {
    if (!isMeant(letter, flags)) return []
    const { source } = letter
    if (source === null) {
      tally.strangers += 1
      return []
    }
    const name = `${source.topic}-${source.partition}@${source.offset}`
    if (seen.has(name)) {
      tally.again += 1
      return []
    }
    seen.add(name)
    return [{ ...letter, source }]
  })

const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`

const told = async ({ to, again, strangers }: Tally, verb: string): Promise<void> => {
  for (const [topic, count] of to)
    await print(`${verb} ${plural(count, 'message')} to ${oneLine(Buffer.from(topic))}\n`)
  if (to.size === 0) await print(`${verb} nothing\n`)
  if (again > 0) await print(`${plural(again, 'dead letter')} more of the same messages passed over\n`)
  if (strangers > 0) await print(`${plural(strangers, 'record')} without kcp-dlq- headers passed over\n`)
}

/** Nothing is left out in front of where it comes to. */
export const isWhole = ({ at, from, reason, source, error }: SelectionFlags): boolean =>
  [at, from, reason, source, error].every((flag) => flag === undefined)

/**
 * `dlq replay`: writes messages back to the topics that they came from. Says what it would do, unless told to do it. A
 * message that comes back as a dead letter meanwhile is not of this replay.
 *
 * @returns whether it came to its end: not when a signal stopped it between two steps
 */
export const replay = (flags: ReplayFlags): Promise<boolean> =>
  withClient(flags, async (client) => {
    const { topic, execute = false } = flags
    const ranges = await rangesFor(client, topic, flags)
    const progress = new Progress(
      process.stderr,
      'replayed',
      ranges.reduce((sum, { from, to }) => sum + to - from, 0n),
    )
    const replayer = new Replayer(client, flags.to)
    const tally: Tally = { to: new Map(), again: 0, strangers: 0 }
    const seen = new Set<string>()
    let stopped = false
    const stop = (): void => {
      stopped = true
    }
    const release = execute ? onStopSignals(stop) : () => {}
    /** Up to where each partition is through. */
    const reached = new Map<number, bigint>(ranges.map(({ partition, from }) => [partition, from]))
    const through = async (range: Range): Promise<void> => {
      for await (const letters of scan(client, topic, range)) {
        if (stopped) return
        const messages = chosen(letters, flags, seen, tally)
        for (const { source } of messages) await replayer.check(replayer.topicOf(source))
        if (execute) await replayer.write(messages)
        for (const { source } of messages) {
          const to = replayer.topicOf(source)
          tally.to.set(to, (tally.to.get(to) ?? 0) + 1)
        }
        const last = letters.at(-1)
        if (last !== undefined) reached.set(range.partition, last.offset + 1n)
        progress.add(letters.length)
      }
      if (!stopped) reached.set(range.partition, range.to)
    }
    const places = (of: ReadonlyMap<number, bigint>): string =>
      [...of].map(([partition, offset]) => positionName({ partition, offset })).join(',')
    try {
      for (const range of ranges) if (!stopped) await through(range)
    } catch (error) {
      progress.close()
      if (execute) {
        await told(tally, 'replayed')
        await print(`what is behind these positions was not, or may have been in part: --from ${places(reached)}\n`)
      }
      throw error
    } finally {
      release()
    }
    progress.close()
    await told(tally, execute ? 'replayed' : 'would replay')
    if (stopped) await print(`stopped; to go on: --from ${places(reached)}\n`)
    else if (!execute) await print('nothing was written: --execute does it\n')
    else if (isWhole(flags) && tally.to.size > 0) {
      await print(`they are in ${topic} still; to delete them: dlq purge --topic ${topic} --up-to ${places(reached)}\n`)
    }
    return !stopped
  })
