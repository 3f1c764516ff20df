import { createRequire } from 'node:module'
import { Command, InvalidArgumentError, Option } from 'commander'
import { levels } from 'pino'
import { adminFlag } from './admin-flag.js'
import { addDlq } from './dlq/program.js'
import { assigned, each, list, numberOrRange, positive, topics } from './option-values.js'
import type { RunFlags } from './pool-options.js'
import { SupervisorLink } from './supervise/link.js'
import { superviseCommand } from './supervise-command.js'
import { UsageError } from './usage-error.js'
import { usageReporter } from './usage-reporter.js'

const { version, description } = createRequire(import.meta.url)('kafka-consumer-pool/package.json') as {
  readonly version: string
  readonly description: string
}

/** An unset variable of the shell, most likely: not a reason to search for another file. */
const path = (value: string): string => {
  if (value === '') throw new InvalidArgumentError('Expected the path of a file.')
  return value
}

const RUN_DESCRIPTION =
  'Consumes topics on every core. Each thread runs the handler, a module whose default export is a function of ' +
  '(message, context). A configuration file (--config, or found from here upwards: kafka-consumer-pool.config.js, ' +
  '.kafka-consumer-poolrc.json, or a key of package.json) holds the options of ConsumerPool; what the command line ' +
  'says wins over it.'

const RUN_HELP = `
Examples:
  One thread for each core, each with its own client and its own membership in the group:
    $ kafka-consumer-pool run --handler ./handler.mjs --brokers 127.0.0.1:9092 --topic orders --group orders

  Static members, which keep their partitions over a restart (orders-0, orders-1, …):
    $ kafka-consumer-pool run --handler ./handler.mjs --brokers k1:9092,k2:9092 --topic orders --group orders \\
        --workers 4 --group-instance-id orders --set session.timeout.ms=30000

  Everything in a file, but twice the threads:
    $ kafka-consumer-pool run --config ./orders.config.js --workers 8

  As many threads as there is work for, from one to eight:
    $ kafka-consumer-pool run --config ./orders.config.js --workers 1..8

  Where no service manager starts it again when its process dies:
    $ kafka-consumer-pool run --config ./orders.config.js --supervise

Exit codes:
  0        stopped by SIGINT or SIGTERM, after what was in flight had finished
  1        wrong usage, or the pool could not start
  70       the pool gave up: every slot is parked, or too many crashes bore no fruit; or so did --supervise
  130/143  a second SIGINT or SIGTERM ended the process at once`

interface Supervision {
  readonly supervise?: boolean
  readonly supervised?: boolean
}

const addRun = (program: Command): void => {
  const run = program.command('run').summary('consume topics with a handler').description(RUN_DESCRIPTION)
  run
    .option('--handler <module>', 'module of the handler')
    .option('--brokers <host:port>', 'brokers to begin with; more than one with commas, or given again', list)
    .option(
      '--topic <name>',
      "topic to consume; more than one with commas, or given again; or a regular expression ('/^orders-/')",
      topics,
    )
    .option(
      '--assign <topic:partitions>',
      'in the place of --topic: fixed partitions (orders:0,1,2 or orders:0..5), without joining the group; may be repeated',
      assigned,
    )
    .option('--group <id>', 'consumer group (group.id)')
    .option(
      '--workers <n|min..max>',
      'number of threads (default: one for each core of the container); 2..8: as many as the work demands',
      numberOrRange,
    )
    .option('--client-id <base>', 'base of the client ids (default: kafka-consumer-pool)')
    .option('--group-instance-id <id>', 'makes the members static: <id>-<slot>, or {slot} where you put it')
    .option('--from-beginning', 'begin at the first message where the group has no committed offset')
    .option('--concurrency <n>', 'messages that an asynchronous handler may have in flight at once', positive)
    .option(
      '--assignor <name>',
      'cooperative-sticky, range, roundrobin or RoundRobinAssigner; several in order of preference',
      list,
    )
    .addOption(
      new Option('--isolation <kind>', 'what a slot is filled with (default: thread)').choices(['thread', 'process']),
    )
    .option(
      '--admin [host:port]',
      'serve probes, status, metrics, events and orders (default: 127.0.0.1:9464)',
      adminFlag,
    )
    .option('--set <name=value>', "any other option, by Kafka's name, KafkaJS's or the pool's; may be repeated", each)
    .option('--config <file>', 'configuration file', path)
    .addOption(
      new Option('--log-level <level>', 'least important log lines to show (default: info)').choices([
        ...Object.keys(levels.values),
        'silent',
      ]),
    )
    .option(
      '--supervise',
      'run the pool in a process of its own, and start that again when it dies (by the options of restart)',
    )
    .addOption(new Option('--supervised', 'that process').hideHelp())
    .addHelpText('after', RUN_HELP)
    .action(async (flags: RunFlags & Supervision) => {
      try {
        if (flags.supervise === true) {
          process.exit(await superviseCommand(process.argv.slice(2), flags.logLevel))
        }
        const link = flags.supervised === true ? new SupervisorLink() : null
        // Only here: who supervises needs nothing of it.
        const { runCommand } = await import('./run-command.js')
        // Everything is closed by now; a thread that would not die must not keep the process.
        process.exit(await runCommand(flags, link))
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        run.error(`error: ${error.message}`)
      }
    })
}

/** The command `kafka-consumer-pool`. */
export const createProgram = (): Command => {
  const program = new Command('kafka-consumer-pool')
    .description(description)
    .version(version)
    .configureOutput({ outputError: usageReporter('run') })
  addRun(program)
  addDlq(program)
  return program
}
