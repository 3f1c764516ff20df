import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { dottedNamesOf, fixedProperties } from '../src/config/names/property-names.js'
import { refusedNames } from '../src/config/names/refused-names.js'
import { poolRules, slotRules } from '../src/config/rules/rules.js'
import { type Leaf, leavesUnder } from '../src/config/schema/leaves.js'
import { groupBy } from '../src/util/group-by.js'

/*
 * Writes docs/configuration.md. The options, their defaults and what is said of them come from the schema; only the
 * words around the tables stand here.
 */

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const code = (text: string): string => `\`${text}\``

const literal = (value: unknown): string => {
  if (typeof value === 'number') return code(String(value).replace(/\B(?=(\d{3})+$)/g, '_'))
  return code(
    Array.isArray(value)
      ? `[${value.map((item) => `'${item}'`).join(', ')}]`
      : typeof value === 'string'
        ? `'${value}'`
        : String(value),
  )
}

const initial = ({ initial: value, computedDefault = '' }: Leaf): string =>
  value === undefined ? computedDefault : literal(value)

const row = (leaf: Leaf, section: string): string => {
  const name = code(leaf.path.slice(section.length + 1))
  const kafka = dottedNamesOf(leaf.path).map(code).join(' ')
  return `| ${name} | ${kafka} | ${cell(initial(leaf))} | ${cell(leaf.description)} |`
}

const table = (section: string): string =>
  [
    '| Option | Kafka names | Default | Meaning |',
    '|---|---|---|---|',
    ...leavesUnder(section)
      .filter(({ path }) => !path.endsWith('.enabled'))
      .map((leaf) => row(leaf, section)),
  ].join('\n')

const fixedTable = (): string =>
  [
    '| Name | Only value | Because |',
    '|---|---|---|',
    ...fixedProperties.map(({ name, value, reason }) => `| ${code(name)} | ${code(value)} | ${cell(reason)} |`),
  ].join('\n')

const refusedTable = (): string => {
  const byReason = groupBy([...refusedNames], ([, reason]) => reason)
  const rows = [...byReason].map(
    ([reason, names]) => `| ${names.map(([name]) => code(name)).join(' ')} | ${cell(reason)} |`,
  )
  return ['| Name | Reason |', '|---|---|', ...rows].join('\n')
}

const rulesTable = (): string =>
  [
    '| Option | must be |',
    '|---|---|',
    ...[...slotRules, ...poolRules].map(({ leaves: [leaf = ''], note }) => {
      const name = leaf.replace(/^(?:consumer|processing|pool)\./, '')
      return `| ${code(name)} | ${cell(note)} |`
    }),
  ].join('\n')

/** The text of docs/configuration.md. */
export const configurationPage = (): string => `# Configuration

<!-- Generated from src/config by scripts/config-docs.ts. Change it there. -->

\`\`\`ts
import { hostname } from 'node:os'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: ['127.0.0.1:9092'], clientId: 'orders' },
  consumer: { groupId: 'orders', 'group.instance.id': hostname() },
  workers: 4,
  subscriptions: [{ topics: ['orders'], handler: new URL('./handler.mjs', import.meta.url), fromBeginning: true }],
})
\`\`\`

Times are milliseconds and sizes bytes, unless the name says otherwise.

## Layers

Values are laid over each other, name by name; the more specific one wins:

1. the defaults below,
2. the shared options: \`kafka\`, \`consumer\` and the options of the processing at the top,
3. those of the subscription,
4. what \`perSlot(slot)\` returns for the slot. Slots are numbered from 0 through all subscriptions.

- An option that is \`undefined\` or left out never erases one that is set. \`null\` is not a value and is refused.
- Objects (\`retry\`, \`deadLetter\`, \`ssl\`, \`sasl\`, \`codecs\`) are merged by their parts: a subscription may set \`retry.attempts\` alone.
- Two names for one option (\`sessionTimeout\` and \`session.timeout.ms\`) in one layer must agree; in different layers the
  more specific one wins, whichever name it has.
- Kafka's dotted names are one flat set, as in Java: each may stand in \`kafka\` or in \`consumer\`. KafkaJS names stand where
  KafkaJS has them.
- In \`kafka\` and \`consumer\` a value may be text, as it comes from the command line or the environment: \`'30000'\`,
  \`'true'\`, \`'a:9092,b:9092'\`.
- All faults are reported at once, in one error with the code \`KCP_CONFIG_INVALID\`: as text in \`message\`, as data in
  \`issues\` (\`{ path, message }\`). Secrets are hidden.

\`topics\` (or \`assign\`) and \`handler\` at the top are short for one subscription. Two subscriptions of one group must have different
topics, and all slots of a group at least one assignor in common.

## The pool

Only at the top.

| Option | Default | Meaning |
|---|---|---|
| \`subscriptions\` | required, unless \`topics\` (or \`assign\`) and \`handler\` are given | List of \`{ topics (or assign), handler, workers?, kafka?, consumer?, … }\`. |
| \`workers\` | one for each core | Number of slots (threads that consume) of each subscription that does not have a number of its own. By default the subscriptions that name none share the cores, with one slot each at the least. Cores are those that \`os.availableParallelism()\` counts, and no more than the CPU quota of the container (cgroup v1 and v2, its parents included) has whole ones: threads beyond it would only take turns. \`{ min, max }\`: so many at the start, and more or fewer as the work demands, see [growing and shrinking](scaling.md). |
| \`perSlot\` | none | Function of the slot's number that returns what this slot has different: \`{ kafka?, consumer?, … }\`. |
| \`logger\` | pino's defaults | A pino logger (or one with its levels that is called like it), or options for one. What it throws harms nothing; the process warns of it once (\`KCP_LOGGER_THREW\`). |

${table('pool')}

\`admin\` is \`true\`, \`false\` or the options above; an object turns [it](admin.md) on. A \`host\` that other machines can reach is
refused without a \`token\`.

## Subscriptions

| Option | Default | Meaning |
|---|---|---|
| \`topics\` | required, unless \`assign\` is given | Names of the topics, and [regular expressions](steering.md#topics-by-regular-expression): \`/^orders-/\`, in a file \`"/^orders-/"\`. |
| \`assign\` | | In the place of \`topics\`: [fixed partitions](assign.md), \`[{ topic: 'orders', partitions: [0, 1, 2] }]\`, which are consumed without being a member of the group. |
| \`handler\` | required | Module of the handler, loaded by every thread: a URL, a \`file:\` URL as text, or a path from the working directory. |
| \`workers\` | that of the pool, else a share of the cores | Number of slots of this subscription, or \`{ min, max }\`. More than its topics have partitions is a waste, which is told at start. |

## Processing

At the top, in a subscription, or per slot.

${table('processing')}

\`max.poll.interval.ms\` limits the time for one message here, not for a batch, and no rebalance waits for it: the
membership lives on the main thread, which rejoins while a handler is busy. So it says nothing of \`rebalanceTimeout\`.

\`deadLetter\` is \`true\`, \`false\` or the options above; an object turns it on. It is off unless something turns it on, and
\`false\` turns off what a less specific layer says. With \`onExhausted: 'skip'\` it contradicts itself and is refused; so is a
pattern that makes the name of no topic, and one whose dead letters come back to a handler that could not handle them.

## \`consumer\`

At the top, in a subscription, or per slot.

${table('consumer')}

## \`kafka\`

At the top, in a subscription, or per slot.

${table('kafka')}

### TLS and SASL

\`ssl\` is \`true\`, \`false\` or the options above; \`sasl\` is \`false\` or the options above. \`security.protocol\` turns both on and
off: \`PLAINTEXT\`, \`SSL\`, \`SASL_PLAINTEXT\`, \`SASL_SSL\`. Dotted names of TLS or SASL without anything that turns it on are
refused, because they would do nothing. When a more specific layer chooses another mechanism, or turns TLS or SASL off,
what outer layers said for it is let go.

\`sasl.jaas.config\` is read for the user and the password of \`PlainLoginModule\` and \`ScramLoginModule\`. A Buffer that holds
PEM is as good as its text.

What KafkaJS takes as a function cannot be sent to a thread. Tokens, authentication of one's own and codecs come from
modules instead:

\`\`\`ts
kafka: {
  sasl: { mechanism: 'oauthbearer', oauthBearerProvider: './token.js' },  // export default async () => ({ value: … })
  codecs: { snappy: 'kafkajs-snappy' },
}
\`\`\`

## Options that meet

Each of these limits is one for another option. What contradicts itself is refused, with both names, both values and what to
do; the fault is reported at the more specific of the two.

${rulesTable()}
| \`restart.maxPoolRestarts\` | within reach, when you set it or \`restart.windowMs\`: with \`restart.delayMs\` and \`restart.maxDelayMs\` between them, only so many crashes fall into the window |
| \`maxDecompressedBytes\` | at most a quarter of \`resourceLimits.maxOldGenerationSizeMb\`, or a batch that is allowed ends its thread; the default gives way, and what waits takes no more than as much again |

Others meet without a contradiction; there the pool sees to it that both hold:

| Options | |
|---|---|
| \`sessionTimeout\` with \`requestTimeout\`, \`connectionTimeout\`, \`authenticationTimeout\` | A seat waits for an answer for a third of its session at most, and for a connection and its authentication for a sixth each, so that a connection that goes silent costs no membership; an answer to a commit, about the coordinator or about where partitions begin for 6 s. Everything else has the times that you set. |
| \`heartbeatInterval\` with \`rebalanceTimeout\` | Handlers have 3 s to come back before a rebalance, and the commit 0.7 s, but both together no more than half of what these two leave: the other half is for the join. |
| \`maxProcessingMs\` with \`restart.healthyAfterMs\` | The time in which a handler hung is not health, so neither need be shorter than the other. |
| \`maxProcessingMs\` with \`sessionTimeout\`, \`rebalanceTimeout\` | Heartbeats and rebalances do not wait for handlers. |
| \`restart.*\` with each other | Crashes are counted in a row, however long the pauses between them are; a slot that is being tried again counts as parked, so that all slots can be parked at the same time. |
| \`minBytes\` with \`maxBytes\`, \`maxBytesPerPartition\` | A fetch waits for no more than it asks for, which may be far less than these. Of the two limits the lower one counts. |
| \`drainTimeoutMs\` with \`terminateTimeoutMs\` | A stop takes \`drainTimeoutMs\` + 3 s at most, whatever \`terminateTimeoutMs\` says: that is for threads which are replaced. |
| \`drainTimeoutMs\` with \`maxProcessingMs\` | A handler may take longer than a stop waits. It is told to give up (\`context.signal\`) shortly before, and its message is handled again after the restart. |
| \`retry.attempts\` with \`retry.initialPauseMs\`, \`retry.maxPauseMs\` | All attempts come before the first pause. After each pause there is one more, whatever \`attempts\` says. |
| \`retry.attempts\` with \`deadLetter\` | All attempts come first; \`NonRetriableError\` skips those that are left. |
| \`loadTimeoutMs\` with \`workers\` | A thread's time runs from its own boot, and no more than two for each core boot at once. |
| \`concurrency\` with \`workers\` | Messages in flight are \`concurrency\` for each slot, and all share Node's threads for native work: the start names the \`UV_THREADPOOL_SIZE\` that would be enough. |
| \`workers\` with \`resourceLimits\` | The memory of the machine or container is shared by all slots, with \`{ min, max }\` by as many as \`max\` says. What \`scale()\` adds beyond that has no share of it: set \`resourceLimits\`. |
| \`workers\` with the cores | Subscriptions that name none share them. |

Times may be as long as 2³¹ − 1 ms (24 days), alone and added up, unless an option says less.

## Identity

Every client of the cluster (that of a seat, that of a thread) gets a new \`client.id\` when it is made:
\`<base>-<slot>-<time>-<random>\`, for instance \`orders-03-1795240658.024123-9f86d081884\`. The base is \`clientId\`. A restarted slot has a new client id.

\`group.instance.id\` is the user's, and stays the same over every restart of the slot:

| given for | slots in the group | slot 1 gets |
|---|---|---|
| all, or a subscription: \`pod\` | one | \`pod\` |
| all, or a subscription: \`pod\` | several | \`pod-1\` |
| all, or a subscription: \`pod-{slot}-a\` | any number | \`pod-1-a\` |
| this slot, by \`perSlot\`: \`mine\` | any number | \`mine\` |

The number counts through all subscriptions of the group. Two slots of a group with the same id would fence each other
and are refused. An id has 1 to 249 characters of \`A-Z a-z 0-9 . _ -\` in the end.

## Configuration file

\`kafka-consumer-pool.config.js\` (or \`.mjs\`, \`.cjs\`, \`.json\`; on Node 22.18 or 24 also \`.ts\`, \`.mts\`), \`.kafka-consumer-poolrc.json\` (or one of
the others), or the key \`kafka-consumer-pool\` of a \`package.json\` holds the same options, found from the working directory
upwards. Handlers, modules and PEM files in it are relative to the file. It has 60 s to load; the command's first line of log names it.

## Names that can have one value only

${fixedTable()}

## Names that are refused

They exist in Kafka or KafkaJS, but cannot be honoured here.

${refusedTable()}
`

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync('docs/configuration.md', configurationPage())
}
