import { type Command, InvalidArgumentError } from 'commander'
import { PoolError } from '../../errors.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { ExitCode } from '../exit-code.js'
import { each, list as items, positive } from '../option-values.js'
import { report } from '../report.js'
import { UsageError } from '../usage-error.js'
import { usageReporter } from '../usage-reporter.js'
import type { ListFlags } from './list.js'
import { endWithReader } from './output.js'
import { readPartitions, readPositions } from './positions.js'
import type { PurgeFlags } from './purge.js'
import type { ReplayFlags } from './replay.js'
import type { ShowFlags } from './show.js'

const HELP = `
Examples:
  What is there, and how often for which reason:
    $ kafka-consumer-pool dlq list --topic orders.dlq --brokers 127.0.0.1:9092

  One of them, and its value as it is:
    $ kafka-consumer-pool dlq show --topic orders.dlq --brokers 127.0.0.1:9092 --at 0:17
    $ kafka-consumer-pool dlq show --topic orders.dlq --brokers 127.0.0.1:9092 --at 0:17 --value > value.bin

  Back to where they came from, when the handler is mended (without --execute it says what it would do):
    $ kafka-consumer-pool dlq replay --topic orders.dlq --brokers 127.0.0.1:9092 --error TypeError --execute

  Away with what was replayed:
    $ kafka-consumer-pool dlq purge --topic orders.dlq --brokers 127.0.0.1:9092 --up-to 0:18 --execute

Exit codes: 0 done, 1 wrong usage or not all of it could be done, 130 stopped by a signal.`

/** Says why it failed: our own errors in one sentence, anything else with its stack. */
const failed = (command: Command, error: unknown): void => {
  if (error instanceof UsageError) command.error(`error: ${error.message}`)
  const known = error instanceof PoolError || error instanceof KafkaError
  const message =
    error instanceof PoolError
      ? `${error.code}: ${error.message}`
      : error instanceof Error
        ? error.message
        : String(error)
  const text = known || !(error instanceof Error) ? message : (error.stack ?? message)
  report(error, message, `kafka-consumer-pool: ${text}`, process)
  process.exitCode = ExitCode.failed
}

const connected = (command: Command): Command =>
  command
    .requiredOption('--topic <name>', 'the dead-letter topic')
    .option('--brokers <host:port>', 'brokers to begin with; more than one with commas, or given again', items)
    .option('--set <name=value>', 'any option of the connection, as for run; may be repeated', each)
    .option('--config <file>', 'configuration file, as for run; its connection is used')

const selecting = (command: Command): Command =>
  command
    .option('--partition <n>', 'those in this partition only; more than one with commas', readPartitions)
    .option('--at <p:offset>', 'those at these positions only, such as 0:17,0:19', readPositions)
    .option('--from <p:offset>', 'those from this position of a partition on', readPositions)
    .option('--up-to <p:offset>', 'those before this position of a partition', readPositions)
    .option('--reason <reason>', 'exhausted, non-retriable, killed', items)
    .option('--source <topic>', 'those that came from this topic', items)
    .option('--error <text>', 'those whose "class: message" holds this text')

const notEmpty = (value: string): string => {
  if (value.trim() === '') throw new InvalidArgumentError('Expected a name.')
  return value
}

/** `kafka-consumer-pool dlq …`. */
export const addDlq = (program: Command): void => {
  const dlq = program
    .command('dlq')
    .summary('see, replay and delete dead letters')
    .description('What is in a dead-letter topic: lists, shows, replays or deletes it.')
    .addHelpText('after', HELP)
    .configureOutput({ outputError: usageReporter('dlq') })

  // What they need is loaded when they are called: the process that supervises a pool is small.
  const act = <Flags>(command: Command, action: (flags: Flags) => Promise<unknown>): Command =>
    command.action(async (flags: Flags) => {
      endWithReader()
      try {
        const code = await action(flags)
        if (typeof code === 'number') process.exitCode = code
      } catch (error) {
        failed(command, error)
      }
    })

  act<ListFlags>(
    selecting(
      connected(dlq.command('list').description('Lists dead letters, and counts them by reason, topic and error.')),
    )
      .option('--limit <n>', 'how many are listed; all are counted', positive, 20)
      .option('--json', 'all of them, a line of JSON each, and no count'),
    async (flags) => (await import('./list.js')).list(flags),
  )
  act<ShowFlags>(
    connected(dlq.command('show').description('Shows a dead letter: headers, key, value, as text or in hexadecimal.'))
      .requiredOption('--at <p:offset>', 'its position, such as 0:17; several with commas', readPositions)
      .option('--full', 'all of it, however large')
      .option('--value', 'nothing but the bytes of its value'),
    async (flags) => (await import('./show.js')).show(flags),
  )
  act<ReplayFlags>(
    selecting(
      connected(
        dlq
          .command('replay')
          .description(
            'Writes messages back to the topics and partitions that they came from, as they were, with a header kcp-replayed that counts. They stay in the dead-letter topic. Says what it would do, unless --execute is given.',
          ),
      ),
    )
      .option('--to <topic>', 'to this topic instead', notEmpty)
      .option('--execute', 'do it'),
    async (flags) => (await import('./replay.js')).replay(flags),
  )
  act<PurgeFlags>(
    connected(
      dlq
        .command('purge')
        .description(
          'Deletes the beginning of the partitions of a dead-letter topic. Says what it would delete, unless --execute is given.',
        ),
    )
      .option(
        '--up-to <p:offset>',
        'everything before this position of a partition; several with commas',
        readPositions,
      )
      .option('--all', 'everything that is there now')
      .option('--force', 'records that are no dead letters, too')
      .option('--execute', 'do it'),
    async (flags) => (await import('./purge.js')).purge(flags),
  )
}
