import { formatCount } from '../numbers.js'
import { UsageError } from '../usage-error.js'
import { oneLine } from './bytes.js'
import { type ConnectionFlags, withClient } from './connection.js'
import { print } from './output.js'
import { type Position, positionName } from './positions.js'
import { Progress } from './progress.js'
import { type Range, rangesOf, scan } from './scan.js'
import { Summary } from './summary.js'

export interface PurgeFlags extends ConnectionFlags {
  readonly upTo?: readonly Position[]
  readonly all?: boolean
  readonly force?: boolean
  readonly execute?: boolean
}

/** What is to be deleted of what is there. */
export const purgedOf = (ranges: readonly Range[], upTo: readonly Position[] | undefined): readonly Range[] => {
  if (upTo === undefined) return ranges.filter(({ from, to }) => from < to)
  return upTo.flatMap((position) => {
    const range = ranges.find(({ partition }) => partition === position.partition)
    if (range === undefined) throw new UsageError(`--up-to ${positionName(position)}: there is no such partition`)
    if (position.offset > range.to) {
      throw new UsageError(`--up-to ${positionName(position)} is beyond the end of that partition, ${range.to}`)
    }
    return position.offset > range.from ? [{ ...range, to: position.offset }] : []
  })
}

/**
 * `dlq purge`: deletes the beginning of the partitions of a dead-letter topic. Says what it would delete, unless told to
 * do it. What is no dead letter is not deleted without `--force`: the topic may be another than was meant.
 */
export const purge = (flags: PurgeFlags): Promise<void> => {
  const { topic, upTo, all = false, force = false, execute = false } = flags
  if ((upTo === undefined) !== all) throw new UsageError('say up to where: --up-to <partition>:<offset>, or --all')
  return withClient(flags, async (client) => {
    const ranges = purgedOf(await rangesOf(client, topic), upTo)
    const progress = new Progress(
      process.stderr,
      'looked at',
      ranges.reduce((sum, { from, to }) => sum + to - from, 0n),
    )
    const summary = new Summary()
    for (const range of ranges) {
      for await (const letters of scan(client, topic, range)) {
        for (const letter of letters) summary.add(letter)
        progress.add(letters.length)
      }
    }
    progress.close()
    const name = oneLine(Buffer.from(topic))
    const what = `${formatCount(summary.total)} record${summary.total === 1 ? '' : 's'} of ${name}`
    for (const { partition, from, to } of ranges) await print(`partition ${partition}: offsets ${from} to ${to - 1n}\n`)
    for (const line of summary.lines()) await print(`  ${line}\n`)
    if (ranges.length === 0) {
      await print(`there is nothing to delete in ${name}\n`)
      return
    }
    if (summary.strangers > 0 && !force) {
      throw new UsageError(
        `${formatCount(summary.strangers)} of the ${what} are no dead letters. Is it the right topic? --force deletes them, too`,
      )
    }
    if (execute) await client.deleteRecords(ranges.map(({ partition, to: offset }) => ({ topic, partition, offset })))
    await print(execute ? `deleted ${what}\n` : `would delete ${what}; nothing was deleted: --execute does it\n`)
  })
}
