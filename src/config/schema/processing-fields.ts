import { z } from 'zod'
import { assignorNames, isAssignor } from '../assignor-names.js'
import { A_DAY_MS } from '../rules/own-times.js'
import { choice, count, field, flag, INT32_MAX, milliseconds } from './fields.js'

/** Options of the processing. They may differ by subscription and slot. */
export const processingFields = z.strictObject({
  maxProcessingMs: milliseconds(
    300_000,
    'How long a handler may take for one message before its thread is ended and replaced. Time in which the whole process stands still (SIGSTOP, a paused machine) does not count.',
  ),
  fromBeginning: flag(
    false,
    'Where to begin when the group has no committed offset, or the offset is gone: at the start of the partition (`true`) or at its end. A partition that is added while the pool runs begins at its start in any case.',
  ),
  assignors: field(
    z
      .array(z.string().refine(isAssignor))
      .min(1)
      .refine((names) => new Set(names).size === names.length)
      .default(['cooperative-sticky']),
    `a list of ${assignorNames.map((name) => `"${name}"`).join(', ')}, or paths of modules ("./my-assignor.js"), each at most once`,
    "How the group shares its partitions, in order of preference. With `cooperative-sticky` alone a rebalance stops nobody; beside another one, to move a group over, it stops everybody as the others do. `range` and `roundrobin` are Java's; `RoundRobinAssigner` is KafkaJS's. The path of a module is [an assignor of your own](assignors.md).",
  ),
  concurrency: count(
    1,
    'How many messages of a slot an asynchronous handler may have in flight at once, each of another partition. Native work (crypto, zlib, files, names of hosts) runs on four threads of the whole process unless `UV_THREADPOOL_SIZE` says otherwise, see [native work](how-it-works.md#native-work).',
    { max: 1_024 },
  ),
  retry: z.strictObject({
    attempts: count(
      10,
      'How often a message is tried before it is exhausted. With the waits below that takes about 100 s: longer than most restarts of a database or a service.',
    ),
    initialDelayMs: milliseconds(
      200,
      'Wait before the second attempt; doubles with each, with jitter. Only the partition of the message waits.',
      { min: 0 },
    ),
    maxDelayMs: milliseconds(
      60_000,
      'Longest wait between two attempts: above the last of the ten, so that with ten attempts each wait is twice the one before.',
      { min: 0 },
    ),
    initialPauseMs: milliseconds(
      30_000,
      "After how long a partition that stands still (`onExhausted: 'pause'`, or a batch that cannot be read) is tried again, once; doubles each time that fails, with jitter. An outage that outlasts the attempts is over in half a minute or lasts for longer. A day at most: before each was tried again, a pool whose partitions all stand still does not escalate.",
      { min: 1_000, max: A_DAY_MS },
    ),
    maxPauseMs: milliseconds(
      600_000,
      'Longest pause of a partition that stands still: seldom enough to disturb nobody, often enough that it goes on within ten minutes of the repair. A day at most.',
      { min: 1_000, max: A_DAY_MS },
    ),
  }),
  onExhausted: choice(
    ['pause', 'skip'],
    'What happens to a message whose attempts all failed, without `deadLetter`: its partition stands still, visible in the status, and is tried again after `retry.initialPauseMs` (`pause`), or it is logged and passed over (`skip`). When every partition of the pool stands still and trying again was of no use, the pool gives up (`pool:escalated`).',
  ),
  recycle: z.strictObject({
    afterMessages: field(
      z.int().min(1).max(INT32_MAX).optional(),
      `a whole number from 1 to ${INT32_MAX}`,
      'After about how many messages a thread is [recycled](memory.md#recycling), for handlers that leak: up to a fifth earlier, at random, so that slots do not all come to it together.',
      'never',
    ),
    afterMs: field(
      z.int().min(1_000).max(INT32_MAX).optional(),
      `a whole number of milliseconds from 1000 to ${INT32_MAX}`,
      'After about what time a thread is recycled, likewise.',
      'never',
    ),
  }),
  tracing: flag(
    false,
    'Whether there is an OpenTelemetry span for each message, inside which the handler runs: see [tracing](tracing.md). It takes the package `@opentelemetry/api`, and an SDK that is registered in each thread (`threadImports`).',
  ),
  convictAfter: count(
    3,
    'How many threads [a message may kill](poison.md) before no other one handles it: it goes to the dead-letter topic, or, without `deadLetter`, its partition stands still until it is resumed, or until the next deployment. A thread counts that dies while it handles the message and no other one: by an uncaught error, `process.exit`, a lack of memory, or `maxProcessingMs`.',
    { max: 100 },
  ),
  deadLetter: z.strictObject({
    enabled: field(z.boolean().optional(), 'true or false', 'Whether exhausted messages go to a dead-letter topic.'),
    topic: field(
      z
        .string()
        .regex(/^(?:[A-Za-z0-9._-]|\{topic\})+$/)
        .default('{topic}.dlq'),
      'the name of a topic (characters of A-Z a-z 0-9 . _ -, and {topic} for the name of the topic that a message came from)',
      'The [dead-letter topic](dead-letters.md): a message whose attempts all failed, or for which the handler threw `NonRetriableError`, goes there, and its partition goes on. `{topic}` stands for the name of its own topic. It must exist: nothing creates it.',
    ),
    partition: choice(
      ['any', 'same'],
      'To which partition: that with the number of its own, or, where the dead-letter topic has fewer, or that one has no leader, another one (`any`); or that with the same number and no other (`same`).',
    ),
    breaker: count(
      10,
      'How many messages of one partition may go there in a row. At the next one the partition stands still: if all fail, most likely something else is wrong than the messages. It goes on after `pool.resume(topic, partition)`, after a restart, or after `deadLetter.resumeAfterMs`.',
    ),
    resumeAfterMs: field(
      z.int().min(1_000).max(A_DAY_MS).optional(),
      `a whole number of milliseconds from 1000 to ${A_DAY_MS}`,
      'After how long a partition goes on by itself that stands still because of `deadLetter.breaker`, beginning with the message at which it stands. A day at most.',
      'never',
    ),
  }),
})
