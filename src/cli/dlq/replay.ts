import { ExitCode } from '../exit-code.js'
import { report } from '../report.js'
import { onStopSignals } from '../stop-signals.js'
import { type ConnectionFlags, withClient } from './connection.js'
import type { Letter } from './letter.js'
import { Outcome } from './outcome.js'
import { print } from './output.js'
import { positionName } from './positions.js'
import { Progress } from './progress.js'
import { type Replayable, Replayer } from './replayer.js'
import { type Range, scan } from './scan.js'
import { isMeant, rangesFor, type SelectionFlags } from './selection.js'

export interface ReplayFlags extends ConnectionFlags, SelectionFlags {
  readonly to?: string
  readonly execute?: boolean
}

/** It was stopped between two steps. */
const STOPPED = 130

/** Those of the letters that are to be written, each message once. */
const chosen = (
  letters: readonly Letter[],
  flags: ReplayFlags,
  seen: Set<string>,
  outcome: Outcome,
): readonly Replayable[] =>
  letters.flatMap((letter) => {
    if (!isMeant(letter, flags)) return []
    const { source } = letter
    if (source === null) {
      outcome.strangers += 1
      return []
    }
    const name = `${source.topic}-${source.partition}@${source.offset}`
    if (seen.has(name)) {
      outcome.again += 1
      return []
    }
    seen.add(name)
    return [{ ...letter, source }]
  })

const told = async (lines: readonly string[]): Promise<void> => {
  for (const line of lines) await print(`${line}\n`)
}

/** Nothing is left out in front of where it comes to. */
export const isWhole = ({ at, from, reason, source, error }: SelectionFlags): boolean =>
  [at, from, reason, source, error].every((flag) => flag === undefined)

/**
 * `dlq replay`: writes messages back to the topics that they came from. Says what it would do, unless told to do it. A
 * message that comes back as a dead letter meanwhile is not of this replay.
 *
 * @returns the exit code: 130 when a signal stopped it between two steps, 1 when messages were too large
 */
export const replay = (flags: ReplayFlags): Promise<number> =>
  withClient(flags, async (client) => {
    const { topic, execute = false } = flags
    const ranges = await rangesFor(client, topic, flags)
    const progress = new Progress(
      process.stderr,
      'replayed',
      ranges.reduce((sum, { from, to }) => sum + to - from, 0n),
    )
    const outcome = new Outcome()
    const replayer = new Replayer(client, flags.to, outcome)
    const seen = new Set<string>()
    let stopped = false
    const stop = (): void => {
      stopped = true
    }
    const release = execute ? onStopSignals(stop) : () => {}
    /** Up to where each partition is through. */
    const reached = new Map<number, bigint>(ranges.map(({ partition, from }) => [partition, from]))
    const through = async (range: Range): Promise<void> => {
      const { partition } = range
      for await (const letters of scan(client, topic, range)) {
        if (stopped) return
        const messages = chosen(letters, flags, seen, outcome)
        for (const { source } of messages) await replayer.check(replayer.topicOf(source))
        outcome.begin(messages)
        try {
          if (execute) await replayer.write(messages)
          else for (const letter of messages) outcome.written(letter, replayer.topicOf(letter.source))
        } finally {
          const next = outcome.firstOpen?.offset ?? (letters.at(-1)?.offset ?? -1n) + 1n
          if (next > 0n) reached.set(partition, next)
        }
        progress.add(letters.length)
      }
      if (!stopped) reached.set(partition, range.to)
    }
    const places = (): string =>
      [...reached].map(([partition, offset]) => positionName({ partition, offset })).join(',')
    const tellTooLarge = (): void => {
      const text = outcome.tooLargeText(
        `dlq replay --topic ${topic}${flags.to === undefined ? '' : ` --to ${flags.to}`}`,
      )
      if (text !== null) report(new Error(text), text, `kafka-consumer-pool: ${text}`, process)
    }
    try {
      for (const range of ranges) if (!stopped) await through(range)
    } catch (error) {
      progress.close()
      if (execute) await told([...outcome.lines('replayed'), ...outcome.failureLines(places())])
      tellTooLarge()
      throw error
    } finally {
      release()
    }
    progress.close()
    await told(outcome.lines(execute ? 'replayed' : 'would replay'))
    if (stopped) await print(`stopped; to go on: --from ${places()}\n`)
    else if (!execute) await print('nothing was written: --execute does it\n')
    else if (isWhole(flags) && outcome.hasWritten && !outcome.hasTooLarge) {
      await print(`they are in ${topic} still; to delete them: dlq purge --topic ${topic} --up-to ${places()}\n`)
    }
    tellTooLarge()
    if (stopped) return STOPPED
    return outcome.hasTooLarge ? ExitCode.failed : ExitCode.ok
  })
