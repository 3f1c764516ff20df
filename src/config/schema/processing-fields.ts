import { z } from 'zod'
import { assignorNames } from '../assignor-names.js'
import { A_DAY_MS } from '../rules/own-times.js'
import { choice, count, field, flag, milliseconds } from './fields.js'

/** Options of the processing. They may differ by subscription and slot. */
export const processingFields = z.strictObject({
  maxProcessingMs: milliseconds(
    300_000,
    'How long a handler may take for one message before its thread is ended and replaced. Time in which the whole process stands still (SIGSTOP, a paused machine) ends no thread.',
  ),
  fromBeginning: flag(
    false,
    'Where to begin when the group has no committed offset, or the offset is gone: at the start of the partition (`true`) or at its end. A partition that is added while the pool runs begins at its start in any case.',
  ),
  assignors: field(
    z
      .array(z.enum(assignorNames))
      .min(1)
      .refine((names) => new Set(names).size === names.length)
      .default(['roundrobin']),
    `a list of ${assignorNames.map((name) => `"${name}"`).join(', ')}, each at most once`,
    "How the group shares its partitions, in order of preference. `range` and `roundrobin` are Java's; `RoundRobinAssigner` is KafkaJS's.",
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
    'What happens to a message whose attempts all failed: its partition stands still, visible in the status, and is tried again after `retry.initialPauseMs` (`pause`), or it is logged and passed over (`skip`). When every partition of the pool stands still and trying again was of no use, the pool gives up (`pool:escalated`).',
  ),
})
